package torchpt
import ("testing";"math/rand";"archive/zip";"time";"fmt";"bytes")
func TestTmp(t *testing.T){
 base:=[][]byte{archive(t, zip.Store, tensorText(4, 0, "K\x04\x85", "K\x01\x85"), map[string][]byte{"0": make([]byte, 16)}),archive(t, zip.Deflate, tensorText(4, 0, "K\x04\x85", "K\x01\x85"), map[string][]byte{"0": make([]byte, 16)}),legacyFile(4, make([]byte, 16))}
 worst:=time.Duration(0)
 for i:=0;i<3000;i++{
  b:=bytes.Clone(base[i%3])
  for k:=0;k<1+rand.Intn(6);k++{ b[rand.Intn(len(b))]=byte(rand.Intn(256)) }
  s:=time.Now(); f,err:=openBytes(t,b); if err==nil { for _,x:=range f.List(){ f.Bytes(x.Name)} }
  if d:=time.Since(s); d>worst { worst=d; fmt.Println(i,i%3,d,err) }
 }
}
