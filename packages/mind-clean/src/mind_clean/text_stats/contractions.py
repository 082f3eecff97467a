"""English words that are written as one chunk and counted as several, or keep their full stop.

The cases are those of spaCy's English tokeniser (3.8, MIT licence), which datatrove counts words
with, so that a threshold that was found with its words means the same here. They are generated from
the patterns behind them: pronoun + 'll, verb + n't, each also without apostrophe and capitalised.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache


def listed(words: str) -> list[str]:
    """Return words that blanks part."""
    return words.split()


PRONOUNS = listed("i you he she it we they")
QUESTIONS = listed("who what when where why how there that this these those")
NEGATED = listed("could do does did had may might must need ought sha should wo would ca") + listed(
    "are is was were have has dare"
)
NEVER_HAVE = frozenset(listed("are is was were have has dare"))
MODALS = listed("could might must should would not")
NOT_CONTRACTED = frozenset(listed("ill its hell shell shed were well whore"))
DROPPED_G = [word[:-1] for word in listed("doing going nothing something having loving")] + [
    "nuthin", "ol",
]  # fmt: skip
CUT_FRONT = listed("em ll nuff")
OTHERS = {
    "cannot": ("can", "not"), "gonna": ("gon", "na"), "gotta": ("got", "ta"),
    "let's": ("let", "'s"), "c'mon": ("c'm", "on"),
}  # fmt: skip
WHOLE = listed(
    "'S 's \u2018S \u2018s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout ma'am "
    "Ma'am o'clock O'clock 'd a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. "
    "I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. "
    "St. vs. v.s. Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. "
    "Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. "
    "N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. "
    "Wis. C++"
)
FACES = listed(
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) "
    "(; (-; :( :-( :(( :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= :1 "
    ":P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D "
    ";-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o "
    "o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) "
    "(>_<) (*_*)"
)


@cache
def exceptions() -> dict[str, tuple[str, ...]]:
    """Return each chunk that is not cut by the general rules, with its words.

    A few faces that nobody types are left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for words in _contractions():
        # "I'll" at the beginning of a sentence as well as inside; all in capitals it stays
        # whole.
        for start in (words[0], words[0].title()):
            _add(found, (start, *words[1:]))
    for start, *rest in (("i", "'m"), ("i", "'m", "a")):
        for first in (start, start.title()):
            _add(found, (first, *rest))
    for chunk, words in OTHERS.items():
        found[chunk] = words
        found[chunk.capitalize()] = (words[0].capitalize(), *words[1:])
    for word in DROPPED_G:
        for case in (word, word.title()):
            found[case] = (case,)
            found[case + "'"] = (case + "'",)
    for word in CUT_FRONT:
        found[word] = (word,)
        found["'" + word] = ("'" + word,)
    for hour in range(1, 13):
        for half in ("a.m.", "am", "p.m.", "pm"):
            found[f"{hour}{half}"] = (str(hour), half)
    for letter in "abcdefghijklmnopqrstuvwxyzäöü":
        found[letter + "."] = (letter + ".",)
    for word in WHOLE + FACES:
        found[word] = (word,)
    for unit in "CFKcfk":
        found[f"°{unit}."] = ("°", unit, ".")
    found.update({"'": ("'",), "''": ("''",), "—": ("—",), "\\n": ("\\n",), "\\t": ("\\t",),
                  "=[": ("=[",), '\\")': ('\\")',), "y'all": ("y'", "all"),
                  "yall": ("y", "all"), "how'd'y": ("how", "'d", "'y"),
                  "How'd'y": ("How", "'d", "'y"), "not've": ("not", "'ve")})  # fmt: skip
    # i'll without its apostrophe is "ill", a word of its own, and so are the others.
    for word in NOT_CONTRACTED:
        found.pop(word, None)
        found.pop(word.title(), None)
    # A list, as the table grows while it is walked through.
    for chunk, words in list(found.items()):
        if "'" in chunk:
            curly = tuple(word.replace("'", "’") for word in words)
            found[chunk.replace("'", "’")] = curly
    return found


def _contractions() -> Iterator[tuple[str, ...]]:
    for word in PRONOUNS + QUESTIONS:
        yield from ((word, "'ll"), (word, "'ll", "'ve"), (word, "'d"), (word, "'d", "'ve"))
    plural = ("these", "those")
    for word in ("i", "you", "we", "they", *QUESTIONS):
        if word not in ("that", "this"):
            yield (word, "'ve")
    for word in ("you", "we", "they", *QUESTIONS):
        if word not in ("that", "this"):
            yield (word, "'re")
    for word in ("he", "she", "it", *QUESTIONS):
        if word not in plural:
            yield (word, "'s")
    for verb in (*NEGATED, "ai"):
        yield (verb, "n't")
        if verb not in NEVER_HAVE and verb != "ai":
            yield (verb, "n't", "'ve")
    for verb in MODALS:
        yield (verb, "'ve")


def _add(found: dict[str, tuple[str, ...]], words: tuple[str, ...]) -> None:
    """Add a contraction with its apostrophe and without."""
    bare = tuple(word.replace("'", "") for word in words)
    found["".join(words)] = words
    found["".join(bare)] = bare
