"""Small tokenizers of each kind, made in the tests."""

from __future__ import annotations

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CORPUS = ["Hello world, the weather is nice today. Größe 日本語 привет 🦊 123 456  two  spaces\nand lines\n"] * 3


def byte_level() -> Tokenizer:
    """As GPT-2's, with special and added tokens, one of which has letters outside the alphabet of bytes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=340, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet, show_progress=False
        ),
    )
    made.add_tokens([AddedToken("<tool 名>", special=False, normalized=False)])
    return made


def sentence_piece() -> Tokenizer:
    """As Llama's, with a token for each byte and a space before the text."""
    words = sorted({*"".join(CORPUS).replace(" ", "▁").replace("🦊", "").replace("語", "")} - {"\n"})
    pairs = ["▁w", "▁t", "he", "ll", "▁▁"]
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words, *pairs]
    merges = [(pair[0], pair[1]) for pair in pairs]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return made


def metaspace() -> Tokenizer:
    """SentencePiece as it is written since: the space is the pre-tokenizer's and the decoder's."""
    made = sentence_piece()
    made.normalizer = None
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return made


def word_piece() -> Tokenizer:
    """As BERT's: tokens that can only be decoded together."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    return made


KINDS = {"byte_level": byte_level, "sentence_piece": sentence_piece, "metaspace": metaspace, "word_piece": word_piece}
