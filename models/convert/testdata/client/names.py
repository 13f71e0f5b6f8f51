# The parameters of megatron-core's own llama-like model, a name and a shape a line:
# names.py LAYERS HIDDEN FFN HEADS GROUPS HEAD_DIM VOCAB EXPERTS, with EXPERTS 0 for none.
# One rank on the CPU, layers of the local specification. Written for megatron-core 0.16.
import os, sys, tempfile, warnings
warnings.filterwarnings("ignore")
os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "RANK": "0", "WORLD_SIZE": "1"}
import torch
from megatron.core import parallel_state
from megatron.core.models.gpt.gpt_layer_specs import get_gpt_layer_local_spec
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.transformer.transformer_config import TransformerConfig
store = torch.distributed.FileStore(tempfile.mktemp(), 1)
torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
parallel_state.initialize_model_parallel()
layers, hidden, ffn, heads, groups, head_dim, vocab, experts = map(int, sys.argv[1:])
more = dict(num_moe_experts=experts, moe_router_topk=2, moe_grouped_gemm=False, moe_ffn_hidden_size=ffn) if experts else {}
config = TransformerConfig(num_layers=layers, hidden_size=hidden, ffn_hidden_size=ffn, num_attention_heads=heads, num_query_groups=groups, kv_channels=head_dim, use_cpu_initialization=True, add_bias_linear=False,
                           gated_linear_unit=True, activation_func=torch.nn.functional.silu, normalization="RMSNorm", perform_initialization=False, bias_activation_fusion=False,
                           hidden_dropout=0.0, attention_dropout=0.0, **more)
spec = get_gpt_layer_local_spec(num_experts=experts or None, moe_grouped_gemm=False, normalization="RMSNorm")
model = GPTModel(config, spec, vocab_size=vocab, max_sequence_length=64, position_embedding_type="rope", share_embeddings_and_output_weights=False)
for name, tensor in model.state_dict().items():
    if isinstance(tensor, torch.Tensor): print(name, *tensor.shape)
torch.distributed.destroy_process_group()
