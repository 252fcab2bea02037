// Package darktower is one fake client of the platform: a Participant signs in
// at AC, asks GC to join, joins at MC, connects to every media handler, talks,
// hears, drops and comes back. It puts the rooms below it together and owns what
// must outlive a connection: the identity key, the transmit key and its
// generation, the stream sequence and the replay state.
//
// It knows the order in which a client does things. It must not know why they are
// done, how long they may take for an objective, or what a failure means: that is
// for whoever drives it.
package darktower
