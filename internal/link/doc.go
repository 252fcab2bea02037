// Package link is a poor network in user space: UDP packets between clients and a
// server pass through it with delay, jitter, loss, reordering, duplication, a rate
// with a queue, or into a black hole. Each direction has conditions of its own,
// and they can be changed while packets are under way.
//
// A link is itself a measuring instrument: it knows what became of every packet
// and when, by the kernel's receive times where there are any, and it says how late
// it was itself.
//
// It knows packets and addresses. It must not know what is in a packet.
package link
