// Package remotetest holds what the tests of transports and of the engine share: content
// that never repeats, an HTTP server that misbehaves on demand, and the suite that every
// transport passes.
//
// The server is net/http with http.ServeContent as long as it is honest, so that no
// client learns a wrong protocol from it. Faults are put around that, and only what
// net/http would never send is written to the connection by hand.
package remotetest
