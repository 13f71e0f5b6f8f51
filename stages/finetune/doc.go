// Package finetune is the stage `finetune`: instruction tuning of all weights or of low-rank adapters.
//
//	checkpoint -> decoder [+ LoRA]; token-index of instruction data -> shuffled samples
//	  -> trainer.Train -> megatron-checkpoint and metrics (loss curve)
//
// # Samples
//
// Loss counts on the ids of answers alone. Packed samples do not see one another, and padding is left
// out before anything is computed.
//
// # Mode
//
// full trains every weight. With lora the checkpoint holds the frozen weights under base_layer and the
// adapters beside them, as Megatron-Core writes it; convert merges them.
package finetune
