// Package httpapi is the HTTP layer that AC and GC share: one request, one
// answer, and everything a prober wants to know about how it went.
//
// It knows HTTP/1.1, the JSON envelopes and plain-text refusals of both services
// (platform contract, AC/GC 1), the W3C trace headers, and how to tell one
// transport error from another. It never retries, never follows a redirect and
// never believes an answer: sizes are bounded and text from a server is cleaned
// before it can reach a log.
//
// It must not know what an endpoint means; that is account and meeting.
package httpapi
