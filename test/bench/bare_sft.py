"""The same SFT as the benchmark's job, as one would write it with TRL alone: no gateway, no events, no manifests."""

import json
import os
import sys

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    settings = json.loads(sys.argv[1])
    with open(settings["data"], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    system = {"role": "system", "content": "Answer with the one call that does what the user says."}
    data = Dataset.from_list(
        [
            {
                "prompt": [system, {"role": "user", "content": row["input"]["sentence"]}],
                "completion": [{"role": "assistant", "content": row["completion"]}],
            }
            for row in rows
        ]
    )
    model = AutoModelForCausalLM.from_pretrained(settings["model"])
    layers = list(range(settings["firstLayer"], model.config.num_hidden_layers))
    trainer = SFTTrainer(
        model=model,
        processing_class=AutoTokenizer.from_pretrained(settings["model"]),
        train_dataset=data,
        args=SFTConfig(
            output_dir=settings["output"],
            max_steps=settings["maxSteps"],
            per_device_train_batch_size=settings["batchSize"],
            learning_rate=settings["learningRate"],
            save_steps=settings["checkpointEverySteps"],
            completion_only_loss=True,
            gradient_checkpointing=False,
            bf16=False,
            report_to="none",
            disable_tqdm=True,
            seed=1,
        ),
        peft_config=LoraConfig(
            r=settings["r"],
            lora_alpha=settings["alpha"],
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            layers_to_transform=layers,
            task_type="CAUSAL_LM",
        ),
    )
    trainer.train()
    trainer.save_model(settings["output"])


if __name__ == "__main__":
    main()
