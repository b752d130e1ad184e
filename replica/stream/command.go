package stream

import (
	"encoding/binary"
	"fmt"

	"lastwrite/binlog"
)

// Commands and flags (include/my_command.h, include/mysql.h).
const (
	comBinlogDump     = 0x12
	comRegisterSlave  = 0x15
	comBinlogDumpGTID = 0x1e

	flagHeartbeatV2 = 1 << 1 // USE_HEARTBEAT_EVENT_V2, known from 8.0.26 on, ignored before
)

// registerCommand is COM_REGISTER_SLAVE: server id 4, host, user and password each with a length byte, port 2, recovery
// rank 4, source id 4. User and password would be shown to whoever may run SHOW REPLICAS; we have no port to be reached at.
func registerCommand(serverID uint32, hostName string) []byte {
	b := []byte{comRegisterSlave}
	b = binary.LittleEndian.AppendUint32(b, serverID)
	b = append(b, byte(len(hostName)))
	b = append(b, hostName...)
	b = append(b, 0, 0)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint32(b, 0)
}

// dumpCommand asks for the log from s on. Offsets above narrow are asked for by the command that has 64 bits for them.
func dumpCommand(s start, serverID uint32, narrow uint64) ([]byte, error) {
	if s.byGTID() || s.at.Offset > narrow {
		return dumpGTIDCommand(s, serverID)
	}
	b := []byte{comBinlogDump}
	b = binary.LittleEndian.AppendUint32(b, uint32(s.at.Offset))
	b = binary.LittleEndian.AppendUint16(b, flagHeartbeatV2)
	b = binary.LittleEndian.AppendUint32(b, serverID)
	return append(b, s.at.File...), nil
}

// dumpGTIDCommand is COM_BINLOG_DUMP_GTID: flags 2, server id 4, length of the file name 4, file name, offset 8, length of the
// GTID set 4, GTID set. With a file name the source starts there instead of looking for the first file that is needed.
func dumpGTIDCommand(s start, serverID uint32) ([]byte, error) {
	set, err := s.have.AppendBinary(nil)
	if err != nil {
		return nil, fmt.Errorf("encode GTID set: %w", err)
	}
	b := []byte{comBinlogDumpGTID}
	b = binary.LittleEndian.AppendUint16(b, flagHeartbeatV2)
	b = binary.LittleEndian.AppendUint32(b, serverID)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.at.File)))
	b = append(b, s.at.File...)
	b = binary.LittleEndian.AppendUint64(b, max(s.at.Offset, binlog.FileHeaderSize))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
	return append(b, set...), nil
}
