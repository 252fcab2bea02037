package frame

// The extension registry has one entry (platform contract, media A.3). There is
// no rule to skip an unknown type: a new one needs a new header version.
const (
	MaxSalience = 100

	extSalience    = 0x01
	extSalienceLen = 1
	extHeadLen     = 2 // type, value length
)

// validExtensions reports whether region is a sequence of known extensions in
// strictly ascending order of type, each of its exact length and within its
// range, with nothing left over.
func validExtensions(region []byte) bool {
	last := -1
	for len(region) > 0 {
		if len(region) < extHeadLen {
			return false
		}
		kind, size := region[0], int(region[1])
		if int(kind) <= last {
			return false
		}
		last = int(kind)
		value := region[extHeadLen:]
		if kind != extSalience || size != extSalienceLen || len(value) < size || value[0] > MaxSalience {
			return false
		}
		region = value[size:]
	}
	return true
}

// salience finds the salience in a valid region.
func salience(region []byte) (uint8, bool) {
	if len(region) == 0 {
		return 0, false
	}
	return region[extHeadLen], true
}
