package tracing

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// namespace is what the platform's services call theirs.
const namespace = "darktower"

// probersResource says who traces. The environment has the last word: it knows the pod.
func probersResource(ctx context.Context, o Options) (*resource.Resource, error) {
	own := []attribute.KeyValue{semconv.ServiceName(ServiceName), semconv.ServiceNamespace(namespace)}
	if o.Version != "" {
		own = append(own, semconv.ServiceVersion(o.Version))
	}
	if o.Instance != "" {
		own = append(own, semconv.ServiceInstanceID(o.Instance))
	}
	return describe(ctx, resource.WithAttributes(own...), resource.WithTelemetrySDK(), resource.WithFromEnv())
}

// servicesResource says which service of the embedded platform traces, whatever name
// the environment has for the process.
func servicesResource(ctx context.Context, service, version string) (*resource.Resource, error) {
	own := []attribute.KeyValue{semconv.ServiceName(service), semconv.ServiceNamespace(namespace)}
	if version != "" {
		own = append(own, semconv.ServiceVersion(version))
	}
	return describe(ctx, resource.WithTelemetrySDK(), resource.WithFromEnv(), resource.WithAttributes(own...))
}

func describe(ctx context.Context, options ...resource.Option) (*resource.Resource, error) {
	r, err := resource.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME: %w", err)
	}
	return r, nil
}
