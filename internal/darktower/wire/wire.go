// Package wire holds the platform's protobuf messages as Go code: signalingv1
// is what clients, MC and MH say to each other; internalv1 is what the
// platform's services say among themselves. The sources are in proto/.
package wire

//go:generate sh -c "cd ../../../proto && go tool -modfile=../tools/go.mod buf generate"
