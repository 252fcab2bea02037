// Package browser holds the prober's participant and the embedded platform
// against a stack that shares nothing with either: Chromium's QUIC, HTTP/3 and
// WebTransport, its WebCrypto and its Opus. The page in page/ is a participant
// written from the platform contract in plain ES modules; driver.mjs opens it.
//
// There are only tests here. They need a Chromium, node and npm, and say so when
// one is missing.
package browser
