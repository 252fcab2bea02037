package main

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
)

// object is one rendered manifest.
type object struct {
	name  string // Kind/name
	yaml  []byte
	typed metav1.Object
}

// decoder reads manifests as an API server does that refuses unknown and repeated
// fields.
type decoder struct{ strict runtime.Decoder }

func newDecoder() (decoder, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, networkingv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return decoder{}, err
		}
	}
	return decoder{serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()}, nil
}

// decode returns nil and an error when a manifest is not of its type.
func (d decoder) decode(yaml []byte) (metav1.Object, error) {
	decoded, _, err := d.strict.Decode(yaml, nil, nil)
	if err != nil {
		return nil, err
	}
	typed, ok := decoded.(metav1.Object)
	if !ok {
		return nil, fmt.Errorf("is %T, which has no name", decoded)
	}
	return typed, nil
}

// podOf returns the pod template of a workload.
func podOf(o metav1.Object) (corev1.PodTemplateSpec, bool) {
	switch o := o.(type) {
	case *appsv1.Deployment:
		return o.Spec.Template, true
	case *batchv1.Job:
		return o.Spec.Template, true
	case *batchv1.CronJob:
		return o.Spec.JobTemplate.Spec.Template, true
	case *appsv1.StatefulSet:
		return o.Spec.Template, true
	}
	return corev1.PodTemplateSpec{}, false
}
