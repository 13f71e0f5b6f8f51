package dtype

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// format is a small float type seen as a map from codes to numbers.
type format struct {
	name   string
	codes  int // codes of one sign
	decode func(uint32) float32
	encode func(float32) uint32
	// value is the number of a positive code by the definition of the format; past is what the code
	// after the largest finite one would be worth.
	value func(code uint32) float64
	past  float64
	// over is the code of what is too large.
	over uint32
}

// value reads a code with IEEE bias.
func value(exponentBits, mantissaBits int) func(uint32) float64 {
	return func(c uint32) float64 {
		e, m := int(c>>mantissaBits), float64(c&(1<<mantissaBits-1))
		bias := 1<<(exponentBits-1) - 1
		if e == 0 {
			return math.Ldexp(m, 1-bias-mantissaBits)
		}
		return math.Ldexp(m+float64(int(1)<<mantissaBits), e-bias-mantissaBits)
	}
}

func formats() []format {
	return []format{
		{
			"bf16", 1 << 15, func(c uint32) float32 { return BF16ToF32(uint16(c)) }, func(f float32) uint32 { return uint32(F32ToBF16(f)) },
			value(8, 7), 0x1p128, 0x7f80,
		},
		{
			"f16", 1 << 15, func(c uint32) float32 { return F16ToF32(uint16(c)) }, func(f float32) uint32 { return uint32(F32ToF16(f)) },
			value(5, 10), 0x1p16, 0x7c00,
		},
		{
			"f8 e4m3", 1 << 7, func(c uint32) float32 { return F8E4M3ToF32(uint8(c)) }, func(f float32) uint32 { return uint32(F32ToF8E4M3(f)) },
			value(4, 3), 480, 0x7f,
		},
		{
			"f8 e5m2", 1 << 7, func(c uint32) float32 { return F8E5M2ToF32(uint8(c)) }, func(f float32) uint32 { return uint32(F32ToF8E5M2(f)) },
			value(5, 2), 0x1p16, 0x7c,
		},
	}
}

func TestEveryCodeIsItsNumberAndComesBack(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			sign := uint32(f.codes)
			for c := range uint32(f.codes) {
				got, minus := f.decode(c), f.decode(c|sign)
				switch want := f.value(c); {
				case c > f.over || c == f.over && f.over == 0x7f:
					if got == got || minus == minus {
						t.Fatalf("code %#x is %g, want NaN", c, got)
					}
					if back := f.decode(f.encode(got)); back == back {
						t.Fatalf("NaN of code %#x becomes %g", c, back)
					}
					continue
				case c == f.over:
					if !math.IsInf(float64(got), 1) || !math.IsInf(float64(minus), -1) {
						t.Fatalf("code %#x is %g, want infinity", c, got)
					}
				case float64(got) != want || float64(minus) != -want:
					t.Fatalf("code %#x is %g and %g, want %g", c, got, minus, want)
				}
				if f.encode(got) != c || f.encode(minus) != c|sign {
					t.Fatalf("%g of code %#x goes to %#x", got, c, f.encode(got))
				}
			}
		})
	}
}

func TestRoundingIsToNearestAndTiesGoToEven(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for c := uint32(0); c < f.over; c++ {
				low, high := f.value(c), f.value(c+1)
				if c+1 == f.over {
					high = f.past
				}
				middle := float32((low + high) / 2)
				if float64(middle) != (low+high)/2 {
					continue // not a float32: below its subnormal numbers
				}
				even := c + c&1
				below := math.Nextafter32(middle, float32(math.Inf(-1)))
				above := math.Nextafter32(middle, float32(math.Inf(1)))
				for _, x := range []struct {
					f    float32
					want uint32
				}{{middle, even}, {below, c}, {above, c + 1}} {
					if got := f.encode(x.f); got != x.want {
						t.Fatalf("%g between codes %#x and %#x goes to %#x, want %#x", x.f, c, c+1, got, x.want)
					}
					if got := f.encode(-x.f); got != x.want|uint32(f.codes) {
						t.Fatalf("%g goes to %#x", -x.f, got)
					}
				}
			}
			for _, x := range []float32{math.MaxFloat32, float32(math.Inf(1))} {
				if got := f.encode(x); got != f.over {
					t.Errorf("%g goes to %#x, want %#x", x, got, f.over)
				}
			}
		})
	}
}

func TestBulkConversions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    DType
		in   []float32
		want []float32
	}{
		{F64, []float32{1.5, -0.1}, []float32{1.5, -0.1}},
		{F32, []float32{1.5, -0.1}, []float32{1.5, -0.1}},
		{F16, []float32{1.5, 65520, 1e-8}, []float32{1.5, float32(math.Inf(1)), 0}},
		{BF16, []float32{1.5, 1 + 0x1p-8, 1 + 0x1.8p-7}, []float32{1.5, 1, 1 + 0x1p-6}},
		{F8E4M3, []float32{1.0625, 448, -0.0009765625}, []float32{1, 448, float32(math.Copysign(0, -1))}},
		{F8E5M2, []float32{1.1, 57344}, []float32{1, 57344}},
		{I64, []float32{-1.9, 1e30, float32(math.NaN())}, []float32{-1, 0x1p63, 0}},
		{I32, []float32{-3e9, 7.5, 3e9}, []float32{-0x1p31, 7, 0x1p31}},
		{I16, []float32{-40000, 40000}, []float32{-32768, 32767}},
		{I8, []float32{-200, 127.9, -0.5}, []float32{-128, 127, 0}},
		{U8, []float32{-200, 255.9, 300}, []float32{0, 255, 255}},
		{U16, []float32{65535.5, 1}, []float32{65535, 1}},
		{U32, []float32{5e9, 1}, []float32{0x1p32, 1}},
		{U64, []float32{5e30, -1}, []float32{0x1p64, 0}},
		{Bool, []float32{0, -0.25, 3}, []float32{0, 1, 1}},
	} {
		t.Run(c.d.String(), func(t *testing.T) {
			t.Parallel()
			raw := make([]byte, len(c.in)*c.d.Size())
			if err := FromF32(raw, c.in, c.d); err != nil {
				t.Fatal(err)
			}
			got := make([]float32, len(c.in))
			if err := ToF32(got, raw, c.d); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("there and back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongRunsOfFloat8UseTheSameNumbers(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 1024)
	for i := range raw {
		raw[i] = byte(i)
	}
	got := make([]float32, len(raw))
	for d, decode := range map[DType]func(uint8) float32{F8E4M3: F8E4M3ToF32, F8E5M2: F8E5M2ToF32} {
		if err := ToF32(got, raw, d); err != nil {
			t.Fatal(err)
		}
		for i, f := range got {
			if want := decode(raw[i]); math.Float32bits(f) != math.Float32bits(want) && f == f {
				t.Fatalf("%v code %#x: have %g, want %g", d, raw[i], f, want)
			}
		}
	}
}

func TestBulkConversionsRefuseWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	if err := ToF32(make([]float32, 2), make([]byte, 3), BF16); err == nil {
		t.Error("3 bytes were taken for 2 elements of BF16")
	}
	if err := FromF32(make([]byte, 4), make([]float32, 2), Invalid); err == nil {
		t.Error("the invalid type was accepted")
	}
	if err := ToF32(nil, nil, DType(99)); err == nil {
		t.Error("an unknown type was accepted")
	}
}

func TestNamesOfTypesComeBack(t *testing.T) {
	t.Parallel()
	for d := F64; d <= Bool; d++ {
		if got, err := Parse(d.String()); err != nil || got != d {
			t.Errorf("%v: have %v, %v", d, got, err)
		}
	}
	if _, err := Parse("invalid"); err == nil {
		t.Error("the invalid type was parsed")
	}
}
