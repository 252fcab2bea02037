// Package observability has the daemon watched by those who watch it in a cluster: a
// real Prometheus scrapes it, a real OpenTelemetry collector takes its traces and the
// embedded platform's, and then all of them are killed one by one. There is nothing
// but tests here.
package observability
