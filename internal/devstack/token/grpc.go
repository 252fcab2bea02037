package token

import (
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// HasScope reports whether the token carries scope.
func (c ServiceClaims) HasScope(scope string) bool {
	return slices.Contains(c.Scopes(), scope)
}

// Scopes returns the token's scopes one by one.
func (c ServiceClaims) Scopes() []string { return strings.Fields(c.Scope) }

type callerKey struct{}

// Caller returns the claims that UnaryServerAuth has checked for this call.
func Caller(ctx context.Context) (ServiceClaims, bool) {
	c, ok := ctx.Value(callerKey{}).(ServiceClaims)
	return c, ok
}

// UnaryServerAuth lets only calls through that carry a good service token of
// the service type and with the scope that rule names for the method; an empty
// string demands nothing. No or a bad token is UNAUTHENTICATED, another type or
// scope PERMISSION_DENIED, an AC that does not answer UNAVAILABLE.
func UnaryServerAuth(v *Verifier, rule func(fullMethod string) (serviceType, scope string)) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		values := md.Get("authorization")
		if len(values) != 1 {
			return nil, status.Error(codes.Unauthenticated, "missing authorization metadata")
		}
		raw, ok := strings.CutPrefix(values[0], "Bearer ") // exactly so: platform contract, AC/GC 1
		if !ok {
			return nil, status.Error(codes.Unauthenticated, "invalid authorization metadata")
		}
		claims, err := v.Service(ctx, raw)
		switch {
		case errors.Is(err, ErrJWKSUnavailable):
			return nil, status.Error(codes.Unavailable, "cannot check tokens now")
		case err != nil:
			return nil, status.Error(codes.Unauthenticated, "invalid token")
		}
		serviceType, scope := rule(info.FullMethod)
		if serviceType != "" && claims.ServiceType != serviceType || scope != "" && !claims.HasScope(scope) {
			return nil, status.Error(codes.PermissionDenied, "not allowed for this service")
		}
		return handler(context.WithValue(ctx, callerKey{}, claims), req)
	}
}
