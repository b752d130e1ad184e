package stream

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"lastwrite/binlog"
)

// First bytes of a payload.
const (
	statusEvent = 0x00
	statusEnd   = 0xfe
	statusError = 0xff
)

// maxSmall bounds what is read whole besides stored events: artificial and format description events, and errors.
const maxSmall = 64 << 10

// reader turns the packets of one dump into batches. It is used by one goroutine.
type reader struct {
	packets packets
	pool    *binlog.Pool
	emit    func(*binlog.Batch) // takes the batch over; does not block
	heard   func(time.Time)     // called for each sign of life that is not an event

	server string
	start  start

	at      binlog.Position // where the next event must begin
	named   bool            // the source has told the file
	format  *binlog.Format  // nil until the file's has come
	batch   *binlog.Batch   // nil: none begun
	used    int             // bytes of batch.Buffer
	scratch [binlog.HeaderSize]byte
}

// run reads until an error, which it always returns; what was read whole has been emitted then.
func (r *reader) run(ctx context.Context) error {
	for {
		if err := r.payload(ctx); err != nil {
			r.flush()
			return err
		}
	}
}

// payload reads the next payload.
func (r *reader) payload(ctx context.Context) error {
	if r.packets.idle() {
		r.flush() // nothing more is there: what has come does not wait
	}
	if err := r.packets.next(); err != nil {
		return err
	}
	if err := r.packets.read(r.scratch[:1]); err != nil {
		return err
	}
	switch r.scratch[0] {
	case statusEvent:
		return r.event(ctx)
	case statusError:
		return r.refused()
	case statusEnd:
		return errEnded
	default:
		return fmt.Errorf("%w: packet begins with %#02x", ErrProtocol, r.scratch[0])
	}
}

// refused reads an error packet: number 2, '#' and SQL state 5, text.
func (r *reader) refused() error {
	b, err := r.packets.rest(maxSmall)
	if err != nil {
		return err
	}
	const fixed = 8
	if len(b) < fixed || b[2] != '#' {
		return fmt.Errorf("%w: error packet of %d bytes", ErrProtocol, len(b))
	}
	return &mysql.MyError{Code: binary.LittleEndian.Uint16(b), State: string(b[3:fixed]), Message: string(b[fixed:])}
}

func (r *reader) event(ctx context.Context) error {
	if err := r.packets.read(r.scratch[:]); err != nil {
		return err
	}
	h, err := binlog.DecodeHeader(r.scratch[:])
	if err != nil {
		return err
	}
	switch {
	case h.Type == binlog.TypeFormatDescription:
		err = r.describe(ctx, h)
	case h.Artificial():
		err = r.artificial(h)
	default:
		err = r.store(ctx, h)
	}
	if err != nil {
		return fmt.Errorf("event of type %d at %s: %w", h.Type, r.at, err)
	}
	return nil
}

// small reads an event that is not stored as it comes. Its header has been read.
func (r *reader) small(h binlog.Header) ([]byte, error) {
	if h.Size > maxSmall {
		return nil, fmt.Errorf("%w: %d bytes", binlog.ErrMalformed, h.Size)
	}
	raw := make([]byte, h.Size)
	copy(raw, r.scratch[:])
	if err := r.packets.read(raw[binlog.HeaderSize:]); err != nil {
		return nil, err
	}
	return raw, r.packets.finish()
}

// describe takes a format description event: into the file where it stands at its start, else only as the format in force.
func (r *reader) describe(ctx context.Context, h binlog.Header) error {
	raw, err := r.small(h)
	if err != nil {
		return err
	}
	if !r.named {
		return fmt.Errorf("%w: a format before a file", ErrProtocol)
	}
	if r.at.Offset != binlog.FileHeaderSize || r.start.byGTID() {
		mend(raw)
	}
	format, err := binlog.DecodeFormat(raw)
	if err != nil {
		return err
	}
	r.flush()
	r.format = format
	if r.at.Offset != binlog.FileHeaderSize {
		return nil
	}
	if err := r.follows(h); err != nil {
		return err
	}
	if err := r.begin(ctx, len(raw)); err != nil {
		return err
	}
	n := copy(r.batch.Buffer()[r.used:], raw)
	r.append(h, 0, n)
	r.at.Offset += uint64(h.Size)
	return nil
}

// mend computes the checksum of a format description event anew where the log has none. The event carries
// one all the same, which the source does not adapt when it clears the creation time or the position.
func mend(raw []byte) {
	if algorithm := len(raw) - binlog.ChecksumSize - 1; algorithm >= binlog.HeaderSize && raw[algorithm] == 0 {
		binlog.SealChecksum(raw)
	}
}

func (r *reader) artificial(h binlog.Header) error {
	raw, err := r.small(h)
	if err != nil {
		return err
	}
	body, err := r.body(raw)
	if err != nil {
		return err
	}
	switch h.Type {
	case binlog.TypeRotate:
		to, err := binlog.DecodeRotate(body)
		if err != nil {
			return err
		}
		return r.rotate(to)
	case binlog.TypeHeartbeat, binlog.TypeHeartbeatV2:
		hb, err := decodeHeartbeat(h, body)
		if err != nil {
			return err
		}
		r.heard(time.Now())
		return r.reached(hb)
	default:
		return nil // stands in no file; were it one that does, the next event would show a gap
	}
}

// body returns an artificial event's body without its checksum, which it checks. Before the first format description event
// nobody says whether there is one: it is there if it is right.
func (r *reader) body(raw []byte) ([]byte, error) {
	body := raw[binlog.HeaderSize:]
	checksum := r.format != nil && r.format.Checksum
	if !checksum && r.format != nil {
		return body, nil
	}
	err := binlog.VerifyChecksum(raw)
	if err == nil {
		return body[:len(body)-binlog.ChecksumSize], nil
	}
	if checksum {
		return nil, err
	}
	return body, nil
}

// rotate takes the announcement of a file.
func (r *reader) rotate(to binlog.Position) error {
	switch {
	case !r.named && !r.start.byGTID() && to != r.start.at:
		return fmt.Errorf("%w: asked for %s, the source begins at %s", ErrGap, r.start.at, to)
	case (r.named || r.start.byGTID()) && to.Offset != binlog.FileHeaderSize:
		return fmt.Errorf("%w: the source goes on at %s", ErrGap, to)
	case r.named && (to.File == r.at.File || later(r.at.File, to.File)):
		return fmt.Errorf("%w: the source goes back from %s to %s", ErrGap, r.at, to)
	}
	r.flush()
	r.at, r.named, r.format = to, true, nil
	return nil
}

// reached compares where the source says that it is with where we are.
func (r *reader) reached(hb heartbeat) error {
	if !r.named || hb.File != r.at.File {
		return fmt.Errorf("%w: the source says that it is at %s", ErrGap, hb.Position)
	}
	switch offset := hb.from(r.at.Offset); {
	case offset == r.at.Offset:
		return nil
	case offset > r.at.Offset && r.start.byGTID():
		r.flush() // transactions that we have were left out
		r.at.Offset = offset
		return nil
	default:
		return fmt.Errorf("%w: the source says that it is at %s", ErrGap, hb.Position)
	}
}

// follows makes sure that an event begins where the last ended.
func (r *reader) follows(h binlog.Header) error {
	if end := r.at.Offset + uint64(h.Size); uint32(end) != h.NextPos {
		return fmt.Errorf("%w: %d bytes end at %d, not at %d", ErrGap, h.Size, uint32(end), h.NextPos)
	}
	return nil
}

// store reads an event of the file into batches, in pieces where it is larger than one.
func (r *reader) store(ctx context.Context, h binlog.Header) error {
	if r.format == nil {
		return fmt.Errorf("%w: an event before the format of its file", ErrProtocol)
	}
	if err := r.follows(h); err != nil {
		return err
	}
	size := int(h.Size)
	if r.format.Checksum && size < binlog.HeaderSize+binlog.ChecksumSize {
		return fmt.Errorf("%w: %d bytes", binlog.ErrMalformed, size)
	}
	sum := checksum{on: r.format.Checksum, until: size - binlog.ChecksumSize}
	for done := 0; done < size; {
		if err := r.begin(ctx, size-done); err != nil {
			return err
		}
		piece := r.batch.Buffer()[r.used:]
		piece = piece[:min(len(piece), size-done)]
		n := 0
		if done == 0 {
			n = copy(piece, r.scratch[:])
		}
		if err := r.packets.read(piece[n:]); err != nil {
			return err
		}
		sum.add(piece)
		if done+len(piece) == size {
			if err := r.ended(&sum); err != nil {
				return err
			}
		}
		r.append(h, done, len(piece))
		done += len(piece)
	}
	r.at.Offset += uint64(size)
	return nil
}

// ended checks a stored event before its last piece is handed on.
func (r *reader) ended(sum *checksum) error {
	if err := sum.verify(); err != nil {
		return err
	}
	return r.packets.finish()
}

// begin makes sure that there is a batch with room for n bytes, or an empty one.
func (r *reader) begin(ctx context.Context, n int) error {
	if r.batch != nil && len(r.batch.Buffer())-r.used < n {
		r.flush()
	}
	if r.batch != nil {
		return nil
	}
	b, err := r.pool.Get(ctx)
	if err != nil {
		return err
	}
	b.Server, b.File, b.Format = r.server, r.at.File, r.format
	r.batch, r.used = b, 0
	return nil
}

// append makes the next n bytes of the batch's buffer a piece of an event that begins at r.at.
func (r *reader) append(h binlog.Header, offset, n int) {
	r.batch.Events = append(r.batch.Events, binlog.Event{
		Header: h, Start: r.at.Offset, Offset: uint32(offset), Raw: r.batch.Buffer()[r.used : r.used+n : r.used+n],
	})
	r.used += n
}

// flush hands the batch on.
func (r *reader) flush() {
	b := r.batch
	if b == nil {
		return
	}
	r.batch = nil
	if len(b.Events) == 0 {
		b.Release()
		return
	}
	r.emit(b)
}

// checksum computes the CRC32 of an event from its pieces. The stored one may itself be cut.
type checksum struct {
	on     bool // events carry checksums; else nothing is done
	until  int  // bytes that are summed; the stored CRC32 follows
	done   int
	crc    uint32
	stored [binlog.ChecksumSize]byte
}

func (c *checksum) add(piece []byte) {
	if !c.on {
		return
	}
	n := min(len(piece), max(0, c.until-c.done))
	c.crc = crc32.Update(c.crc, crc32.IEEETable, piece[:n])
	if at := c.done + n - c.until; at >= 0 && at < len(c.stored) {
		copy(c.stored[at:], piece[n:])
	}
	c.done += len(piece)
}

// verify compares. It returns binlog.ErrChecksum.
func (c *checksum) verify() error {
	if !c.on {
		return nil
	}
	return binlog.CompareChecksum(c.crc, c.stored[:])
}
