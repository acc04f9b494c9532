// Hello-kubernetes shows a message and where it runs.
//
// It reads MESSAGE, PORT (8080) and, from the downward API,
// KUBERNETES_POD_NAME, KUBERNETES_NAMESPACE and KUBERNETES_NODE_NAME.
//
//	/          the page
//	/healthz   "ok"
//	/headers   the request as it arrived, as JSON; so does every path below it
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Kubernetes mounts this file in every pod that has a service account token.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// shutdownGrace lets answers that are being written end before connections are cut.
const shutdownGrace = 300 * time.Millisecond

//go:embed page.html
var pageSource string

// place is what the page shows; an empty field is left out.
type place struct {
	Message, Pod, Namespace, Node string
}

func main() {
	log.SetFlags(log.LstdFlags | log.LUTC)
	page, err := renderPage(readPlace())
	if err != nil {
		log.Fatalf("hello-kubernetes: the page could not be made: %v", err)
	}
	address := ":" + firstOf(os.Getenv("PORT"), "8080")
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatalf("hello-kubernetes: cannot listen on %s (set PORT to a free port): %v", address, err)
	}
	log.Printf("hello-kubernetes: listening on %s", listener.Addr())
	serveUntilSignal(&http.Server{Handler: routes(page), ReadHeaderTimeout: 10 * time.Second}, listener)
}

func serveUntilSignal(server *http.Server, listener net.Listener) {
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Fatalf("hello-kubernetes: %v", err)
		}
	}()
	<-stop.Done()
	grace, cancelGrace := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancelGrace()
	if err := server.Shutdown(grace); err != nil {
		log.Printf("hello-kubernetes: ended with connections open: %v", err)
	}
}

func routes(page []byte) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
		header.Set("X-Content-Type-Options", "nosniff")
		w.Write(page)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("/headers", echo)
	mux.HandleFunc("/headers/", echo)
	return mux
}

// echo answers with what arrived: names of headers as Go spells them, each with all its values.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(map[string]any{
		"method":  r.Method,
		"uri":     r.RequestURI,
		"host":    r.Host,
		"peer":    r.RemoteAddr,
		"headers": r.Header,
	})
}

// renderPage is called once: nothing on the page changes while the pod lives.
func renderPage(p place) ([]byte, error) {
	var page bytes.Buffer
	parsed, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, err
	}
	err = parsed.Execute(&page, p)
	return page.Bytes(), err
}

func readPlace() place {
	hostname, _ := os.Hostname() // a pod's host name is its own; without one the line is left out
	mounted, _ := os.ReadFile(namespaceFile)
	return place{
		Message:   firstOf(os.Getenv("MESSAGE"), "Hello world!"),
		Pod:       firstOf(os.Getenv("KUBERNETES_POD_NAME"), hostname),
		Namespace: firstOf(os.Getenv("KUBERNETES_NAMESPACE"), strings.TrimSpace(string(mounted))),
		Node:      os.Getenv("KUBERNETES_NODE_NAME"),
	}
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
