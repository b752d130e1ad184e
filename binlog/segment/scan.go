package segment

import (
	"errors"
	"io"
)

// ScannedFrame is an intact frame of a segment that may not be finished.
type ScannedFrame struct {
	Offset int64  // in the file, of the frame's header
	Bytes  []byte // the frame as it is stored, header included
	Span   Span   // that it begins, or belongs to; Length covers the bytes up to and including this frame's
	Raw    []byte // of the log; nil for a frame that begins a span
}

// Scanner walks the frames of a segment that was perhaps never finished, up to the first that is not intact.
//
//	s := segment.Scan(file)
//	for s.Next() {
//		use(s.Frame())
//	}
//	intact, why := s.Offset(), s.Err()
type Scanner struct {
	in       frameReader
	dec      *decoder
	begun    bool
	finished bool
	frame    frame
	raw      []byte
	out      ScannedFrame
	end      int64
	err      error
}

// Scan starts to read a segment from its first byte.
func Scan(r io.Reader) *Scanner { return &Scanner{in: frameReader{r: r}} }

// Next goes to the next frame. It returns false behind the last intact one.
func (s *Scanner) Next() bool {
	if s.err != nil || s.finished {
		return false
	}
	if s.err = s.next(); s.err != nil || s.finished {
		s.close()
		return false
	}
	s.end = s.frame.end()
	return true
}

// Frame is the frame that Next went to. Its memory is valid until Next is called again.
func (s *Scanner) Frame() *ScannedFrame { return &s.out }

// Offset is where the last intact frame ends (0: there is not even a file header). A file that is cut there
// is an intact beginning of a segment.
func (s *Scanner) Offset() int64 { return s.end }

// Finished tells whether the scan ended at an index, as it does in a segment that was finished.
func (s *Scanner) Finished() bool { return s.finished }

// Err tells why the scan ended: nil at the end of the file behind a whole frame, and at an index; ErrTruncated inside a
// frame; ErrCorrupt at one that is damaged; ErrVersion; or the reader's own error.
func (s *Scanner) Err() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

func (s *Scanner) close() {
	if s.dec != nil {
		s.dec.close()
	}
	s.raw, s.out.Raw = nil, nil
}

func (s *Scanner) next() (err error) {
	if !s.begun {
		if err := s.in.fileHeader(); err != nil {
			return err
		}
		s.begun, s.end = true, s.in.offset
		if s.dec, err = newDecoder(); err != nil {
			return err
		}
	}
	if s.frame, err = s.in.next(); err != nil {
		return err
	}
	s.out.Offset, s.out.Bytes, s.out.Raw = s.frame.offset, s.frame.bytes, nil
	switch s.frame.kind {
	case kindSpan:
		return s.beginSpan()
	case kindData:
		return s.data()
	}
	s.finished = true
	return nil
}

func (s *Scanner) beginSpan() error {
	span, err := decodeSpan(s.frame.body(), s.frame.offset)
	if err != nil {
		return err
	}
	span.RawStart = s.out.Span.rawEnd()
	s.out.Span = *span
	return nil
}

func (s *Scanner) data() (err error) {
	if s.out.Span.Format == nil {
		return corrupt(s.frame.offset, "data before the first span")
	}
	if s.raw, err = s.dec.data(s.raw, &s.frame); err != nil {
		return err
	}
	s.out.Raw = s.raw
	s.out.Span.Length += uint64(len(s.raw))
	return nil
}
