module karvdash-hub/images/pause

go 1.22
