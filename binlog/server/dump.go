package server

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/rs/zerolog"

	"lastwrite/binlog"
)

const (
	// fileStart is the position of a log file's first event.
	fileStart = binlog.FileHeaderSize
	// noFile is the file that heartbeats speak of as long as the log has yielded none. They need one, and a replica
	// with auto-position does not care for the name.
	noFile = "binlog.000000"
)

// dump sends one client the log.
type dump struct {
	request dumpRequest
	out     *packetWriter
	make    maker
	every   time.Duration // between heartbeats; 0: none
	aware   bool          // whether the client knows what checksums are
	note    *progress
	count   *counters
	log     zerolog.Logger

	server, file string // of the last batch; empty before the first
	named        string // the file in which the replica believes to be; empty before it was told of any
	pos          uint64 // and where in it

	sent uint32 // of the event under way: how many bytes came so far,
	sum  uint32 // the CRC32 of those before the checksum,
	tail []byte // and its stored checksum
}

// run sends the log. It returns nil at its end if the client asked not to wait, a refusal if there is
// something the client should be told, and any other error if it cannot be told any more.
func (d *dump) run(ctx context.Context, lg Log) error {
	d.log.Info().Str("have", clip(d.request.have.String())).Str("host", d.note.Host).Dur("heartbeat", d.every).Msg("replica asks for the log")
	f := startFeed(ctx, lg, d.request)
	defer f.stop()
	items := f.items
	for {
		it, err := d.next(ctx, items)
		if err != nil {
			return err
		}
		switch {
		case it.batch != nil:
			err := d.send(it.batch)
			it.batch.Release()
			if err != nil {
				return err
			}
		case ctx.Err() != nil: // why the log failed is then no news
			return context.Cause(ctx)
		case !errors.Is(it.err, io.EOF):
			return it.err
		case d.out.open():
			return refuse("the log ends in the middle of an event, %d bytes into it", d.sent)
		case d.request.nonBlock:
			return nil
		default:
			d.note.done()
			d.log.Info().Str("file", d.named).Uint64("pos", d.pos).Msg("replica has been sent the whole log")
			items = nil // only heartbeats from here on
		}
	}
}

// next returns the next item. When it has to wait it first sends what was gathered, and then heartbeats.
func (d *dump) next(ctx context.Context, items <-chan item) (item, error) {
	select {
	case it := <-items:
		return it, nil
	default:
	}
	if err := d.out.flush(); err != nil {
		return item{}, err
	}
	var beat <-chan time.Time
	if d.every > 0 {
		t := time.NewTicker(d.every)
		defer t.Stop()
		beat = t.C
	}
	for {
		select {
		case it := <-items:
			return it, nil
		case <-beat:
			if err := d.beat(); err != nil {
				return item{}, err
			}
		case <-ctx.Done():
			return item{}, context.Cause(ctx)
		}
	}
}

// beat tells a waiting replica that we are here. It cannot be told in the middle of an event.
func (d *dump) beat() error {
	if d.out.open() {
		return nil
	}
	if d.named == "" {
		if err := d.name(noFile); err != nil {
			return err
		}
	}
	if err := d.position(d.pos); err != nil {
		return err
	}
	return d.out.flush()
}

// name announces the file that follows.
func (d *dump) name(file string) error {
	d.named, d.pos = file, fileStart
	return d.out.event(d.make.rotate(file))
}

// position tells the replica how far in the file we are.
func (d *dump) position(pos uint64) error {
	d.count.heartbeats.Add(1)
	return d.out.event(d.make.heartbeat(d.named, pos))
}

// send sends a batch's events.
func (d *dump) send(b *binlog.Batch) error {
	if b.File != d.file || b.Server != d.server {
		if err := d.startFile(b); err != nil {
			return err
		}
	}
	var bytes uint64
	for i := range b.Events {
		e := &b.Events[i]
		bytes += uint64(len(e.Raw))
		if err := d.event(e); err != nil {
			return err
		}
	}
	d.count.events.Add(uint64(len(b.Events)))
	d.count.bytes.Add(bytes)
	d.note.moved(d.named, d.pos, bytes)
	return nil
}

// startFile begins a log file: its name and its format description event, from which on
// made-up events bear a checksum or not as those in the file do.
func (d *dump) startFile(b *binlog.Batch) error {
	switch {
	case d.out.open():
		return refuse("log file %s ends in the middle of an event", d.file)
	case b.Format == nil:
		return refuse("log file %s comes without its format description event", b.File)
	case b.Format.Checksum && !d.aware:
		return refuse("the client cannot handle events with checksums, which log file %s has", b.File)
	}
	first, err := firstEvent(b.Format, !d.request.have.IsEmpty())
	if err != nil {
		return refuse("log file %s: %w", b.File, err)
	}
	if err := d.name(b.File); err != nil {
		return err
	}
	d.server, d.file = b.Server, b.File
	d.make.checksum = b.Format.Checksum
	d.pos += uint64(len(first))
	return d.out.event(first)
}

// event sends an event or a piece of one, and before it, where events were left out, the position to go on from.
func (d *dump) event(e *binlog.Event) error {
	if e.Header.Type == binlog.TypeFormatDescription {
		return nil // startFile has sent it
	}
	if !e.First() {
		if !d.out.open() || e.Offset != d.sent {
			return refuse("log file %s: a piece of the event at %d is missing before byte %d", d.file, e.Start, e.Offset)
		}
		return d.piece(e)
	}
	switch {
	case d.out.open():
		return refuse("log file %s: the event before %d is incomplete", d.file, e.Start)
	case e.Start < d.pos:
		return refuse("log file %s goes back from %d to %d", d.file, d.pos, e.Start)
	case e.Start > d.pos:
		if err := d.position(e.Start); err != nil {
			return err
		}
	}
	d.pos = e.End()
	if e.Last() {
		return d.whole(e)
	}
	d.sent, d.sum, d.tail = 0, 0, d.tail[:0]
	if err := d.out.beginEvent(e.Header.Size); err != nil {
		return err
	}
	return d.piece(e)
}

// whole sends an event that came in one piece, once its checksum has been found right.
func (d *dump) whole(e *binlog.Event) error {
	if d.make.checksum {
		if err := binlog.VerifyChecksum(e.Raw); err != nil {
			return refuse("log file %s, event at %d: %w", d.file, e.Start, err)
		}
	}
	if e.Header.Type == binlog.TypeRotate {
		// From here on the replica is in the next file, and stops at a heartbeat that speaks of another.
		next, err := binlog.DecodeRotate(e.Body(d.make.checksum))
		if err != nil {
			return refuse("log file %s, event at %d: %w", d.file, e.Start, err)
		}
		d.named, d.pos = next.File, next.Offset
	}
	return d.out.event(e.Raw)
}

// piece sends a piece of an event. Its checksum is held back until it has been found right.
func (d *dump) piece(e *binlog.Event) error {
	raw := e.Raw
	d.sent += uint32(len(raw))
	if d.make.checksum {
		body := max(int64(e.Header.Size)-binlog.ChecksumSize-int64(e.Offset), 0)
		n := min(body, int64(len(raw)))
		d.sum = crc32.Update(d.sum, crc32.IEEETable, raw[:n])
		d.tail = append(d.tail, raw[n:]...)
		raw = raw[:n]
	}
	if err := d.out.write(raw); err != nil {
		return err
	}
	if !e.Last() || !d.make.checksum {
		return nil
	}
	if err := binlog.CompareChecksum(d.sum, d.tail); err != nil {
		return refuse("log file %s, event at %d: %w", d.file, e.Start, err)
	}
	return d.out.write(d.tail)
}
