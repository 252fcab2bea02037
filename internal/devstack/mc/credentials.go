package mc

import "google.golang.org/grpc/credentials"

// ServiceCredentials supplies this controller's service token on gRPC calls.
type ServiceCredentials interface {
	GRPC() credentials.PerRPCCredentials
}
