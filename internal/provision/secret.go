package provision

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// SecretKey is the key of the lane file in the Secret.
const SecretKey = "lanes.json"

var (
	subdomain = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`) // RFC 1123, as Kubernetes names a Secret
	dnsLabel  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)   // and a namespace
)

// WriteSecret writes a Kubernetes Secret manifest that holds the lane file, for
// "kubectl apply -f -". An empty namespace is left to kubectl.
func (l *Lanes) WriteSecret(w io.Writer, name, namespace string) error {
	if !subdomain.MatchString(name) || namespace != "" && !dnsLabel.MatchString(namespace) {
		return errors.New("writing the Secret: its name or namespace is not one that Kubernetes accepts")
	}
	content, err := l.encode()
	if err != nil {
		return err
	}
	manifest := "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"" + name + "\"\n"
	if namespace != "" {
		manifest += "  namespace: \"" + namespace + "\"\n"
	}
	manifest += "type: Opaque\ndata:\n  " + SecretKey + ": " + base64.StdEncoding.EncodeToString(content) + "\n"
	if _, err := io.WriteString(w, manifest); err != nil {
		return fmt.Errorf("writing the Secret: %w", err)
	}
	return nil
}
