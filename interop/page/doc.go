// Package page looks at the prober's own pages with a real browser: in light and
// dark, on a phone, on paper, without JavaScript, and while they renew themselves.
// What is read by people is judged by axe-core's rules of accessibility, contrast
// among them.
//
// There are only tests here. They need a Chromium, node and npm, and say so when
// one is missing.
package page
