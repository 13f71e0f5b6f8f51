package parquetfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record/cell"
)

// leafOf finds how the values of a leaf are read: by its logical type, by the older converted type, or as
// they are stored.
func leafOf(e *format.SchemaElement, leaf int) (func([]span) (any, error), error) {
	value, err := valueOf(e)
	if err != nil {
		return nil, err
	}
	return func(spans []span) (any, error) {
		s := spans[leaf]
		if len(s) == 0 {
			return nil, fmt.Errorf("damaged: a value is missing")
		}
		return value(&s[0])
	}, nil
}

type valueFunc func(c *cellOf) (any, error)

func plain(value func(c *cellOf) any) valueFunc {
	return func(c *cellOf) (any, error) { return value(c), nil }
}

func opaque(what string) valueFunc {
	return plain(func(*cellOf) any { return ordjson.Opaque(what) })
}

func valueOf(e *format.SchemaElement) (valueFunc, error) {
	bytes := e.Type.V == format.ByteArray || e.Type.V == format.FixedLenByteArray
	switch l := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		if bytes {
			return text, nil
		}
	case *format.DecimalType:
		return decimal(e, int(l.Scale))
	case *format.DateType:
		return plain(func(c *cellOf) any { return cell.Date(signed(e, c)) }), nil
	case *format.TimeType:
		unit := unitOf(l.Unit)
		return plain(func(c *cellOf) any { return cell.Clock(signed(e, c), unit) }), nil
	case *format.TimestampType:
		unit, utc := unitOf(l.Unit), l.IsAdjustedToUTC
		return plain(func(c *cellOf) any { return cell.Timestamp(signed(e, c), unit, utc) }), nil
	case *format.IntType:
		if !l.IsSigned {
			return plain(func(c *cellOf) any { return cell.Uint(unsigned(e, c)) }), nil
		}
	case *format.UUIDType:
		return plain(func(c *cellOf) any { return uuid(c.text) }), nil
	case *format.Float16Type:
		return plain(func(c *cellOf) any { return cell.Float(half(c.text), 32) }), nil
	case *format.NullType:
		return plain(func(*cellOf) any { return nil }), nil
	case *format.BsonType:
		return opaque("BSON"), nil
	case *format.VariantType, *format.GeometryType, *format.GeographyType:
		return opaque(fmt.Sprintf("%v data", e.LogicalType.Value)), nil
	}
	if e.ConvertedType.Valid {
		switch e.ConvertedType.V {
		case deprecated.UTF8, deprecated.Enum, deprecated.Json:
			if bytes {
				return text, nil
			}
		case deprecated.Decimal:
			return decimal(e, int(e.Scale.V))
		case deprecated.Date:
			return plain(func(c *cellOf) any { return cell.Date(signed(e, c)) }), nil
		case deprecated.TimeMillis:
			return plain(func(c *cellOf) any { return cell.Clock(signed(e, c), time.Millisecond) }), nil
		case deprecated.TimeMicros:
			return plain(func(c *cellOf) any { return cell.Clock(signed(e, c), time.Microsecond) }), nil
		case deprecated.TimestampMillis:
			return plain(func(c *cellOf) any { return cell.Timestamp(signed(e, c), time.Millisecond, true) }), nil
		case deprecated.TimestampMicros:
			return plain(func(c *cellOf) any { return cell.Timestamp(signed(e, c), time.Microsecond, true) }), nil
		case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
			return plain(func(c *cellOf) any { return cell.Uint(unsigned(e, c)) }), nil
		case deprecated.Bson:
			return opaque("BSON"), nil
		case deprecated.Interval:
			return opaque("an interval"), nil
		}
	}
	switch e.Type.V {
	case format.Boolean:
		return plain(func(c *cellOf) any { return c.bits&1 != 0 }), nil
	case format.Int32, format.Int64:
		return plain(func(c *cellOf) any { return cell.Int(signed(e, c)) }), nil
	case format.Float:
		return plain(func(c *cellOf) any { return cell.Float(float64(math.Float32frombits(uint32(c.bits))), 32) }), nil
	case format.Double:
		return plain(func(c *cellOf) any { return cell.Float(math.Float64frombits(c.bits), 64) }), nil
	case format.Int96:
		return plain(func(c *cellOf) any { return moment(c.text) }), nil
	case format.ByteArray, format.FixedLenByteArray:
		return plain(func(c *cellOf) any { return cell.Bytes(c.text) }), nil
	}
	return nil, fmt.Errorf("values of type %v cannot be read: leave the column out, or write it as text", e.Type.V)
}

func text(c *cellOf) (any, error) { return cell.Text(c.text) }

// signed is an integer of 32 or 64 bits.
func signed(e *format.SchemaElement, c *cellOf) int64 {
	if e.Type.V == format.Int32 {
		return int64(int32(c.bits))
	}
	return int64(c.bits)
}

func unsigned(e *format.SchemaElement, c *cellOf) uint64 {
	if e.Type.V == format.Int32 {
		return uint64(uint32(c.bits))
	}
	return c.bits
}

func unitOf(u format.TimeUnit) time.Duration {
	if u.Value == nil {
		return time.Microsecond
	}
	return u.Value.Duration()
}

func decimal(e *format.SchemaElement, scale int) (valueFunc, error) {
	if scale < 0 || scale > 1000 {
		return nil, fmt.Errorf("damaged: a decimal of scale %d", scale)
	}
	if e.Type.V == format.Int32 || e.Type.V == format.Int64 {
		return plain(func(c *cellOf) any { return cell.Decimal(big.NewInt(signed(e, c)), scale) }), nil
	}
	return plain(func(c *cellOf) any {
		n := new(big.Int).SetBytes([]byte(c.text)) // two's complement, high byte first
		if len(c.text) > 0 && c.text[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(c.text))))
		}
		return cell.Decimal(n, scale)
	}), nil
}

func uuid(s string) any {
	if len(s) != 16 {
		return cell.Bytes(s)
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", s[:4], s[4:6], s[6:8], s[8:10], s[10:])
}

// half is a float of 16 bits.
func half(s string) float64 {
	if len(s) != 2 {
		return math.NaN()
	}
	h := uint16(s[0]) | uint16(s[1])<<8
	exp, frac := int(h>>10&31), float64(h&1023)/1024
	v := math.Ldexp(1+frac, exp-15)
	switch {
	case exp == 0:
		v = math.Ldexp(frac, -14)
	case exp == 31 && frac == 0:
		v = math.Inf(1)
	case exp == 31:
		v = math.NaN()
	}
	if h&0x8000 != 0 {
		v = -v
	}
	return v
}

// moment is a timestamp of 96 bits, as older programs write them: nanoseconds of the day, then the Julian day.
func moment(s string) any {
	if len(s) != 12 {
		return ordjson.Opaque("a damaged timestamp")
	}
	const epoch = 2440588 // Julian day of 1970-01-01
	nanos := binary.LittleEndian.Uint64([]byte(s[:8]))
	days := int64(binary.LittleEndian.Uint32([]byte(s[8:]))) - epoch
	return time.Unix(days*24*60*60, int64(nanos)).UTC().Format("2006-01-02T15:04:05.999999999")
}
