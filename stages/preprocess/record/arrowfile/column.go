package arrowfile

import (
	"fmt"
	"math/big"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record/cell"
)

const (
	maxDepth = 64 // of types
	maxScale = 1000
)

// column gives the value of a row. Texts share the memory of the array.
type column func(a arrow.Array, i int) (any, error)

// plain is a column of a type whose values need no further look.
func plain[A arrow.Array](value func(a A, i int) any) column {
	return func(a arrow.Array, i int) (any, error) { return value(a.(A), i), nil }
}

// columnOf finds how the values of a type are read; null is nil in all of them.
func columnOf(t arrow.DataType, depth int) (column, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("types are nested more than %d deep", maxDepth)
	}
	value, err := valueOf(t, depth)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array, i int) (any, error) {
		if a.IsNull(i) {
			return nil, nil
		}
		return value(a, i)
	}, nil
}

func valueOf(t arrow.DataType, depth int) (column, error) {
	if d, ok := t.(arrow.DecimalType); ok && (d.GetScale() > maxScale || d.GetScale() < -maxScale) {
		return nil, fmt.Errorf("damaged: a decimal of scale %d", d.GetScale())
	}
	switch t := t.(type) {
	case *arrow.NullType:
		return func(arrow.Array, int) (any, error) { return nil, nil }, nil
	case *arrow.BooleanType:
		return plain(func(a *array.Boolean, i int) any { return a.Value(i) }), nil
	case *arrow.Int8Type:
		return plain(func(a *array.Int8, i int) any { return cell.Int(int64(a.Value(i))) }), nil
	case *arrow.Int16Type:
		return plain(func(a *array.Int16, i int) any { return cell.Int(int64(a.Value(i))) }), nil
	case *arrow.Int32Type:
		return plain(func(a *array.Int32, i int) any { return cell.Int(int64(a.Value(i))) }), nil
	case *arrow.Int64Type:
		return plain(func(a *array.Int64, i int) any { return cell.Int(a.Value(i)) }), nil
	case *arrow.Uint8Type:
		return plain(func(a *array.Uint8, i int) any { return cell.Uint(uint64(a.Value(i))) }), nil
	case *arrow.Uint16Type:
		return plain(func(a *array.Uint16, i int) any { return cell.Uint(uint64(a.Value(i))) }), nil
	case *arrow.Uint32Type:
		return plain(func(a *array.Uint32, i int) any { return cell.Uint(uint64(a.Value(i))) }), nil
	case *arrow.Uint64Type:
		return plain(func(a *array.Uint64, i int) any { return cell.Uint(a.Value(i)) }), nil
	case *arrow.Float16Type:
		return plain(func(a *array.Float16, i int) any { return cell.Float(float64(a.Value(i).Float32()), 32) }), nil
	case *arrow.Float32Type:
		return plain(func(a *array.Float32, i int) any { return cell.Float(float64(a.Value(i)), 32) }), nil
	case *arrow.Float64Type:
		return plain(func(a *array.Float64, i int) any { return cell.Float(a.Value(i), 64) }), nil
	case *arrow.StringType:
		return func(a arrow.Array, i int) (any, error) { return cell.Text(a.(*array.String).Value(i)) }, nil
	case *arrow.LargeStringType:
		return func(a arrow.Array, i int) (any, error) { return cell.Text(a.(*array.LargeString).Value(i)) }, nil
	case *arrow.StringViewType:
		return func(a arrow.Array, i int) (any, error) { return cell.Text(a.(*array.StringView).Value(i)) }, nil
	case *arrow.BinaryType:
		return plain(func(a *array.Binary, i int) any { return cell.Bytes(a.ValueString(i)) }), nil
	case *arrow.LargeBinaryType:
		return plain(func(a *array.LargeBinary, i int) any { return cell.Bytes(a.ValueString(i)) }), nil
	case *arrow.BinaryViewType:
		return plain(func(a *array.BinaryView, i int) any { return cell.Bytes(a.ValueString(i)) }), nil
	case *arrow.FixedSizeBinaryType:
		return plain(func(a *array.FixedSizeBinary, i int) any { return cell.Bytes(string(a.Value(i))) }), nil
	case *arrow.Decimal32Type:
		return plain(func(a *array.Decimal32, i int) any { return cell.Decimal(big.NewInt(int64(a.Value(i))), int(t.Scale)) }), nil
	case *arrow.Decimal64Type:
		return plain(func(a *array.Decimal64, i int) any { return cell.Decimal(big.NewInt(int64(a.Value(i))), int(t.Scale)) }), nil
	case *arrow.Decimal128Type:
		return plain(func(a *array.Decimal128, i int) any { return cell.Decimal(a.Value(i).BigInt(), int(t.Scale)) }), nil
	case *arrow.Decimal256Type:
		return plain(func(a *array.Decimal256, i int) any { return cell.Decimal(a.Value(i).BigInt(), int(t.Scale)) }), nil
	case *arrow.Date32Type:
		return plain(func(a *array.Date32, i int) any { return cell.Date(int64(a.Value(i))) }), nil
	case *arrow.Date64Type:
		const day = int64(24 * time.Hour / time.Millisecond)
		return plain(func(a *array.Date64, i int) any { return cell.Date(int64(a.Value(i)) / day) }), nil
	case *arrow.Time32Type:
		return plain(func(a *array.Time32, i int) any { return cell.Clock(int64(a.Value(i)), t.Unit.Multiplier()) }), nil
	case *arrow.Time64Type:
		return plain(func(a *array.Time64, i int) any { return cell.Clock(int64(a.Value(i)), t.Unit.Multiplier()) }), nil
	case *arrow.TimestampType:
		unit, utc := t.Unit.Multiplier(), t.TimeZone != ""
		return plain(func(a *array.Timestamp, i int) any { return cell.Timestamp(int64(a.Value(i)), unit, utc) }), nil
	case *arrow.DictionaryType:
		value, err := columnOf(t.ValueType, depth+1)
		return func(a arrow.Array, i int) (any, error) {
			d := a.(*array.Dictionary)
			return value(d.Dictionary(), d.GetValueIndex(i))
		}, err
	case *arrow.RunEndEncodedType:
		value, err := columnOf(t.Encoded(), depth+1)
		return func(a arrow.Array, i int) (any, error) {
			r := a.(*array.RunEndEncoded)
			return value(r.Values(), r.GetPhysicalIndex(i))
		}, err
	case arrow.ExtensionType:
		value, err := columnOf(t.StorageType(), depth+1)
		return func(a arrow.Array, i int) (any, error) { return value(a.(array.ExtensionArray).Storage(), i) }, err
	case *arrow.StructType:
		return structOf(t, depth)
	case *arrow.MapType:
		return mapOf(t, depth)
	case arrow.ListLikeType:
		return listOf(t, depth)
	}
	return nil, fmt.Errorf("values of type %s cannot be read: leave the column out, or write it as text", t)
}

func structOf(t *arrow.StructType, depth int) (column, error) {
	names, fields := make([]string, t.NumFields()), make([]column, t.NumFields())
	for k := range fields {
		var err error
		names[k] = t.Field(k).Name
		if fields[k], err = columnOf(t.Field(k).Type, depth+1); err != nil {
			return nil, fmt.Errorf("%s: %w", names[k], err)
		}
	}
	return func(a arrow.Array, i int) (any, error) {
		s := a.(*array.Struct)
		o := &ordjson.Object{Keys: names, Values: make([]any, len(names))}
		for k := range fields {
			v, err := fields[k](s.Field(k), i)
			if err != nil {
				return nil, err
			}
			o.Values[k] = v
		}
		return o, nil
	}, nil
}

func listOf(t arrow.ListLikeType, depth int) (column, error) {
	elem, err := columnOf(t.Elem(), depth+1)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array, i int) (any, error) {
		l := a.(array.ListLike)
		from, to := l.ValueOffsets(i)
		values := l.ListValues()
		if from < 0 || to < from || to > int64(values.Len()) {
			return nil, fmt.Errorf("damaged: a list from %d to %d of %d values", from, to, values.Len())
		}
		out := make([]any, 0, to-from)
		for k := from; k < to; k++ {
			v, err := elem(values, int(k))
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}, nil
}

// mapOf makes objects; keys that are no texts are spelled.
func mapOf(t *arrow.MapType, depth int) (column, error) {
	key, err := columnOf(t.KeyType(), depth+1)
	if err != nil {
		return nil, err
	}
	item, err := columnOf(t.ItemType(), depth+1)
	if err != nil {
		return nil, err
	}
	return func(a arrow.Array, i int) (any, error) {
		m := a.(*array.Map)
		from, to := m.ValueOffsets(i)
		keys, items := m.Keys(), m.Items()
		if from < 0 || to < from || to > int64(keys.Len()) || to > int64(items.Len()) {
			return nil, fmt.Errorf("damaged: a map from %d to %d of %d entries", from, to, keys.Len())
		}
		o := &ordjson.Object{}
		for k := from; k < to; k++ {
			name, err := key(keys, int(k))
			if err != nil {
				return nil, err
			}
			v, err := item(items, int(k))
			if err != nil {
				return nil, err
			}
			o.Set(cell.Key(name), v)
		}
		return o, nil
	}, nil
}
