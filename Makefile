# unsloth pins what the other extras have newer, so what is used of it is checked by itself. Without
# a GPU its import needs UNSLOTH_ALLOW_CPU, and no torchvision that is made for another torch.
.PHONY: check-unsloth
check-unsloth:
	set -e; environment=$$(mktemp -d); trap 'rm -rf "$$environment"' EXIT; \
	python3 -m venv "$$environment"; \
	"$$environment/bin/pip" install -q -c constraints-unsloth.txt '.[unsloth]' pytest; \
	"$$environment/bin/pip" uninstall -q -y torchvision; \
	UNSLOTH_ALLOW_CPU=1 "$$environment/bin/python" -m pytest -c /dev/null --rootdir . --noconftest \
		-p no:cacheprovider -q -rs tests/finetune/test_unsloth.py
