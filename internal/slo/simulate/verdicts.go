// Package simulate measures how often verdicts and alerts are wrong, by playing
// platforms of a known quality to the real verdict code and to the shipped alerting
// rules. It is seeded: the same seed gives the same numbers.
package simulate
