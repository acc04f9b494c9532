// The peer of benchmark B2: a minimal webhook that does what karvdash_hub.admission does to a pod, and the load
// for both.
//
//	webhook serve ADDRESS CERT KEY NAMESPACE USER
//	webhook load  CA REVIEW RATE SECONDS ROUNDS URL...
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

func main() {
	switch arguments := os.Args; {
	case len(arguments) == 7 && arguments[1] == "serve":
		serve(arguments[2], arguments[3], arguments[4], arguments[5], arguments[6])
	case len(arguments) >= 8 && arguments[1] == "load":
		load(arguments[2], arguments[3], number(arguments[4]), number(arguments[5]), number(arguments[6]), arguments[7:])
	default:
		log.Fatal("usage: webhook serve ADDRESS CERT KEY NAMESPACE USER | load CA REVIEW RATE SECONDS ROUNDS URL...")
	}
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

type patcher struct {
	volumes []corev1.Volume
	mounts  []corev1.VolumeMount
	env     []corev1.EnvVar
}

func newPatcher(namespace, user string) *patcher {
	made := &patcher{}
	for _, domain := range []string{"private", "shared"} {
		name := namespace + "-volume-" + domain
		source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
		made.volumes = append(made.volumes, corev1.Volume{Name: name, VolumeSource: source})
		made.mounts = append(made.mounts, corev1.VolumeMount{Name: name, MountPath: "/" + domain})
	}
	optional := true
	secret := corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName: "karvdash-api",
		Items:      []corev1.KeyToPath{{Key: "config.ini", Path: "config.ini"}},
		Optional:   &optional,
	}}
	made.volumes = append(made.volumes, corev1.Volume{Name: "karvdash-api-volume", VolumeSource: secret})
	made.mounts = append(made.mounts, corev1.VolumeMount{Name: "karvdash-api-volume", MountPath: "/var/lib/karvdash", ReadOnly: true})
	for name, value := range map[string]string{
		"KARVDASH_USERNAME": user, "KARVDASH_NAMESPACE": namespace,
		"KARVDASH_PRIVATE_DIR": "/private", "KARVDASH_PRIVATE_VOLUME": namespace + "-volume-private",
		"KARVDASH_SHARED_DIR": "/shared", "KARVDASH_SHARED_VOLUME": namespace + "-volume-shared",
	} {
		made.env = append(made.env, corev1.EnvVar{Name: name, Value: value})
	}
	return made
}

func (p *patcher) patch(pod *corev1.Pod) []operation {
	var found []operation
	known := map[string]bool{}
	for _, volume := range pod.Spec.Volumes {
		known[volume.Name] = true
	}
	for _, volume := range p.volumes {
		if !known[volume.Name] {
			found = appendTo(found, "/spec/volumes", len(pod.Spec.Volumes)+len(found) > 0, volume)
		}
	}
	for section, containers := range map[string][]corev1.Container{
		"initContainers": pod.Spec.InitContainers, "containers": pod.Spec.Containers,
	} {
		for index := range containers {
			found = append(found, p.container(fmt.Sprintf("/spec/%s/%d", section, index), &containers[index])...)
		}
	}
	return found
}

func (p *patcher) container(path string, container *corev1.Container) []operation {
	var found []operation
	known := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		known[mount.MountPath] = true
	}
	some := len(container.VolumeMounts) > 0
	for _, mount := range p.mounts {
		if !known[mount.MountPath] {
			found = appendTo(found, path+"/volumeMounts", some, mount)
			some = true
		}
	}
	known = map[string]bool{}
	for _, variable := range container.Env {
		known[variable.Name] = true
	}
	some = len(container.Env) > 0
	for _, variable := range p.env {
		if !known[variable.Name] {
			found = appendTo(found, path+"/env", some, variable)
			some = true
		}
	}
	return found
}

func appendTo[T any](operations []operation, path string, some bool, value T) []operation {
	if !some {
		return append(operations, operation{"add", path, []T{value}})
	}
	return append(operations, operation{"add", path + "/-", value})
}

func serve(address, cert, key, namespace, user string) {
	patcher := newPatcher(namespace, user)
	http.HandleFunc("POST /mutate", func(writer http.ResponseWriter, request *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil {
			http.Error(writer, "no AdmissionReview", http.StatusBadRequest)
			return
		}
		var pod corev1.Pod
		if err := json.Unmarshal(review.Request.Object.Raw, &pod); err != nil {
			http.Error(writer, "no pod", http.StatusBadRequest)
			return
		}
		patch, err := json.Marshal(patcher.patch(&pod))
		if err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
			return
		}
		kind := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true, Patch: patch, PatchType: &kind}
		review.Request = nil
		writer.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(writer).Encode(review)
	})
	log.Fatal(http.ListenAndServeTLS(address, cert, key, nil))
}

// load asks each address in turn, for some seconds at a time, and prints the seconds that each answer took,
// from the moment at which it was due: a server that falls behind cannot hide it.
func load(ca, review string, rate, seconds, rounds int, urls []string) {
	pool := x509.NewCertPool()
	authorities, err := os.ReadFile(ca)
	if err != nil || !pool.AppendCertsFromPEM(authorities) {
		log.Fatal("no certificates in ", ca)
	}
	body, err := os.ReadFile(review)
	if err != nil {
		log.Fatal(err)
	}
	// HTTP/1.1, as the API server's own client does.
	// Source: k8s.io/apiserver/pkg/util/webhook/client.go (1.35), NextProtos
	transport := &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool},
		MaxIdleConnsPerHost: 25, // as the API server's own
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	took := make(map[string][]float64)
	for _, url := range urls {
		burst(client, url, body, rate, 1)
	}
	for round := 0; round < rounds; round++ {
		for _, url := range urls {
			took[url] = append(took[url], burst(client, url, body, rate, seconds)...)
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(took)
}

func burst(client *http.Client, url string, body []byte, rate, seconds int) []float64 {
	took := make([]float64, rate*seconds)
	var all sync.WaitGroup
	begin := time.Now()
	for index := range took {
		due := begin.Add(time.Duration(index) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		all.Add(1)
		go func() {
			defer all.Done()
			ask(client, url, body)
			took[index] = time.Since(due).Seconds()
		}()
	}
	all.Wait()
	return took
}

func ask(client *http.Client, url string, body []byte) {
	answer, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"patchType":"JSONPatch"`)) {
		log.Fatal(url, ": ", answer.Status, " ", string(text), err)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}
