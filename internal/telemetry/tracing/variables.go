package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// problems are what is wrong with the variables that the exporters read by themselves.
// Those pass over what they cannot use, with a line on standard error that is no log
// line: traces would go elsewhere than they were meant to, or in the clear.
func (d destination) problems(get func(string) string) error {
	var errs []error
	for _, group := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"} {
		value := func(name string) string { return get(group + name) }
		for _, c := range []struct {
			name  string
			check func(string) error
		}{
			{"ENDPOINT", d.endpointProblem}, {"TIMEOUT", timeoutProblem}, {"HEADERS", headersProblem}, {"CERTIFICATE", authoritiesProblem},
			{"COMPRESSION", oneOf("gzip", "none")}, {"INSECURE", oneOf("true", "false", "TRUE", "FALSE", "True", "False")},
		} {
			if v := value(c.name); v != "" {
				if err := c.check(v); err != nil {
					errs = append(errs, fmt.Errorf("%s%s: %w", group, c.name, err))
				}
			}
		}
		cert, key := value("CLIENT_CERTIFICATE"), value("CLIENT_KEY")
		switch {
		case cert == "" && key == "":
		case cert == "" || key == "":
			errs = append(errs, fmt.Errorf("%sCLIENT_CERTIFICATE and %sCLIENT_KEY: one of them is missing; set both, or neither", group, group))
		default:
			if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
				errs = append(errs, fmt.Errorf("%sCLIENT_CERTIFICATE and %sCLIENT_KEY: %w", group, group, err))
			}
		}
	}
	return errors.Join(errs...)
}

// endpointProblem wants a URL: without a scheme, the address is taken for one.
func (d destination) endpointProblem(v string) error {
	u, err := url.Parse(v)
	switch {
	case err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https"):
		return nil
	case err == nil && u.Scheme == "unix" && d.protocol == "grpc":
		return nil
	}
	shown := strconv.Quote(v)
	if strings.Contains(v, "@") { // may be a password
		shown = "it"
	}
	return fmt.Errorf("%s is no URL to send traces to; write it like http://otel-collector:4317, or https://", shown)
}

func timeoutProblem(v string) error {
	if n, err := strconv.Atoi(v); err != nil || n <= 0 {
		return fmt.Errorf("%q is no number of milliseconds; write 10s as 10000", v)
	}
	return nil
}

// headersProblem shows nothing of them: they are for secrets.
func headersProblem(v string) error {
	for i, header := range strings.Split(v, ",") {
		name, value, found := strings.Cut(header, "=")
		if _, err := url.PathUnescape(value); err != nil || !found || strings.TrimSpace(name) == "" || strings.ContainsAny(strings.TrimSpace(name), " \t:") {
			return fmt.Errorf("header %d is not name=value, percent-encoded where it must be", i+1)
		}
	}
	return nil
}

func authoritiesProblem(path string) error {
	pem, err := os.ReadFile(path)
	if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
		err = fmt.Errorf("%s holds no certificate in PEM", path)
	}
	if err != nil {
		err = fmt.Errorf("%w; name a file with the authorities to trust, or unset it to trust the machine's", err)
	}
	return err
}

func oneOf(words ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(words, v) {
			return nil
		}
		return fmt.Errorf("%q is not known; write %s or %s", v, words[0], words[1])
	}
}
