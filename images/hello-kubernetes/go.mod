module karvdash-hub/images/hello-kubernetes

go 1.22
