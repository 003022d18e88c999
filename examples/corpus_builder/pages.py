"""Which pages of which documentation go into which WARC, under which public address."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from corpus_builder.archives import PackageFiles
from corpus_builder.packages import (
    APACHE_DOC,
    APACHE_DOC_OLD,
    ASTROPY_DOC,
    DJANGO_DOC,
    DOCUTILS,
    DOCUTILS_DOC,
    GO_DOC,
    MATHJAX_DOC,
    MECAB,
    MPMATH_DOC,
    POSTGRESQL_DOC,
    PYTHON_DOC,
    PYTHON_DOC_OLD,
    PYWT_DOC,
    SCIPY_DOC,
    SQLITE_DOC,
    STATSMODELS_DOC,
    SYMPY_DOC,
    W3M,
    Package,
)


@dataclass(frozen=True, kw_only=True)
class PageSet:
    """Pages under ``root`` whose path matches ``pattern``, and the address they are known by.

    ``url`` may use ``{path}`` and ``{stem}`` (the path without its extension). ``min_formulas``
    counts elements whose class starts with "math", as Sphinx writes them. ``encoding`` re-encodes
    a UTF-8 page, for pages that were published in another encoding.
    """

    package: Package
    root: str
    url: str
    pattern: str
    purpose: str
    min_formulas: int = 0
    max_bytes: int = 300_000
    content_type: str = "text/html; charset=utf-8"
    encoding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page: the bytes a server would send, and where they come from."""

    url: str
    body: bytes
    modified_seconds: int
    content_type: str
    package: Package
    purpose: str


_SCIPY = "usr/share/doc/python-scipy-doc/html/"
_SYMPY = "usr/share/doc/python-sympy-doc/html/"
_STATSMODELS = "usr/share/doc/python-statsmodels-doc/html/"
_PYTHON = "usr/share/doc/python3.11/html/"
_APACHE = "usr/share/doc/apache2-doc/manual/"
_DOCUTILS = "usr/share/doc/docutils-doc/"

MATHEMATICS = (
    PageSet(
        package=SCIPY_DOC,
        root=_SCIPY,
        url="https://docs.scipy.org/doc/scipy-1.10.1/{path}",
        pattern=r"tutorial/(?!stats/(continuous|discrete)_[g-z]).+\.html",
        purpose="TeX for MathJax; many short pages of one template",
    ),
    PageSet(
        package=SCIPY_DOC,
        root=_SCIPY,
        url="https://docs.scipy.org/doc/scipy-1.10.1/{path}",
        pattern=r"reference/generated/scipy\.(fft|integrate|interpolate|linalg|optimize|signal"
        r"|special)\.\w+\.html",
        purpose="TeX for MathJax; reference pages with code",
        min_formulas=9,
    ),
    PageSet(
        package=MPMATH_DOC,
        root="usr/share/doc/python-mpmath-doc/html/",
        url="https://mpmath.org/doc/current/{path}",
        pattern=r"(calculus/|functions/)?\w+\.html",
        purpose="TeX for MathJax beside long code examples",
        max_bytes=400_000,
    ),
    PageSet(
        package=SYMPY_DOC,
        root=_SYMPY,
        url="https://docs.sympy.org/1.11/{path}",
        pattern=r"(explanation|guides|modules|tutorials)/.+\.html",
        purpose="TeX for MathJax; prose, code and formulas mixed",
        min_formulas=9,
        max_bytes=230_000,
    ),
    PageSet(
        package=STATSMODELS_DOC,
        root=_STATSMODELS,
        url="https://www.statsmodels.org/v0.13.5/{path}",
        pattern=r"(examples/notebooks/generated/)?\w+\.html",
        purpose="TeX for MathJax; notebooks as pages, tables of results",
        min_formulas=4,
        max_bytes=130_000,
    ),
    PageSet(
        package=ASTROPY_DOC,
        root="usr/share/doc/python-astropy-doc/html/",
        url="https://docs.astropy.org/en/v5.2.1/{path}",
        pattern=r"(constants|coordinates|cosmology|modeling|stats|timeseries|uncertainty|units)"
        r"/\w+\.html",
        purpose="astronomy: prose with units, tables and code",
        max_bytes=95_000,
    ),
    PageSet(
        package=PYWT_DOC,
        root="usr/share/doc/python-pywt-doc/html/",
        url="https://pywavelets.readthedocs.io/en/v1.1.1/{path}",
        pattern=r"ref/.+\.html",
        purpose="signal processing reference",
    ),
    PageSet(
        package=MATHJAX_DOC,
        root="usr/share/doc/libjs-mathjax-doc/html/",
        url="https://docs.mathjax.org/en/v2.7-latest/{path}",
        pattern=r"(asciimath|mathml|start|tex|misc/faq|advanced/(model|typeset))\.html",
        purpose="pages that show TeX and MathML as text",
    ),
    PageSet(
        package=DOCUTILS,
        root="docutils-0.22.2/test/functional/expected/",
        url="https://docutils.sourceforge.io/test/functional/expected/{path}",
        pattern=r"math(ematics|_experiments|_output)_(html|latex|mathjax|mathml)(_pandoc)?\.html",
        purpose="MathML from two converters, HTML formulas, MathJax: one text each way",
    ),
)

GENERAL = (
    PageSet(
        package=PYTHON_DOC,
        root=_PYTHON,
        url="https://docs.python.org/3.11/{path}",
        pattern=r"(tutorial|faq)/\w+\.html",
        purpose="prose with code; questions and answers",
    ),
    PageSet(
        package=PYTHON_DOC,
        root=_PYTHON,
        url="https://docs.python.org/3.11/{path}",
        pattern=r"(howto/(functional|sockets|sorting|unicode)"
        r"|library/(bisect|cmath|csv|decimal|fractions|graphlib|heapq|itertools"
        r"|math|numbers|random|statistics))\.html",
        purpose="code-heavy reference",
    ),
    PageSet(
        package=PYTHON_DOC,
        root=_PYTHON,
        url="https://docs.python.org/3.11/{path}",
        pattern=r"(genindex-(Q|Symbols|Y|Z)|search|py-modindex|index)\.html",
        purpose="boilerplate: index, search form, table of contents",
    ),
    PageSet(
        package=PYTHON_DOC_OLD,
        root=_PYTHON,
        url="https://docs.python.org/3/{path}",
        pattern=r"(faq/general|howto/sorting|library/(bisect|fractions|heapq)|tutorial/modules)\.html",
        purpose="near-duplicates: the same pages built from an earlier revision",
    ),
    PageSet(
        package=POSTGRESQL_DOC,
        root="usr/share/doc/postgresql-doc-15/html/",
        url="https://www.postgresql.org/docs/15/{path}",
        pattern=r"(tutorial-[\w-]+|queries-[\w-]+|mvcc[\w-]*|transaction-iso|geqo[\w-]*"
        r"|row-estimation-examples|functions-(aggregate|math)|datatype-numeric|errcodes-appendix"
        r"|legalnotice)\.html",
        purpose="clean technical HTML with tables and SQL",
        max_bytes=120_000,
    ),
    PageSet(
        package=DJANGO_DOC,
        root="usr/share/doc/python-django-doc/html/",
        url="https://docs.djangoproject.com/en/3.2/{stem}/",
        pattern=r"(faq/\w+|intro/(overview|tutorial0[1-4])|misc/[\w-]+|topics/performance)\.html",
        purpose="tutorials and FAQ with much code",
    ),
    PageSet(
        package=SQLITE_DOC,
        root="usr/share/doc/sqlite3/",
        url="https://www.sqlite.org/{path}",
        pattern=r"(about|appfileformat|arch|atomiccommit|autoinc|books|copyright"
        r"|datatype3|faq|flextypegood|floatingpoint|howitworks|howtocorrupt|isolation"
        r"|lang_mathfunc|mostdeployed|np1queryprob|nulls|queryplanner"
        r"|queryplanner-ng|quirks|selfcontained|testing|whentouse|whyc)\.html",
        purpose="articles, a FAQ, SQL; hand-written HTML",
        max_bytes=160_000,
        content_type="text/html",
    ),
    PageSet(
        package=GO_DOC,
        root="usr/share/doc/golang-1.19-doc/html/go_",
        url="https://go.dev/ref/{stem}",
        pattern=r"(mem|spec)\.html",
        purpose="a language specification: grammar, code, prose",
    ),
    PageSet(
        package=GO_DOC,
        root="usr/share/doc/golang-1.19-doc/html/",
        url="https://go.dev/doc/{stem}",
        pattern=r"go1\.17_spec\.html",
        purpose="near-duplicate: the specification two versions earlier",
    ),
    PageSet(
        package=DOCUTILS_DOC,
        root=_DOCUTILS,
        url="https://docutils.sourceforge.io/{path}",
        pattern=r"(FAQ|docs/dev/rst/(alternatives|problems)|docs/dev/(enthought-plan|semantics)"
        r"|docs/peps/pep-025[67]|docs/ref/rst/(introduction|roles)|docs/user/rst/quickref)\.html",
        purpose="forum-like: design discussion that quotes messages by name; PEPs; tables",
    ),
    PageSet(
        package=APACHE_DOC,
        root=_APACHE,
        url="https://httpd.apache.org/docs/2.4/{path}",
        pattern=r"(ja/(content-negotiation|howto/(cgi|htaccess)|logs|sections|ssl/ssl_intro"
        r"|suexec|urlmapping)"
        r"|ko/(content-negotiation|howto/cgi|logs|misc/perf-tuning|sections|suexec|vhosts/details)"
        r"|zh-cn/(handler|index|mpm|sitemap|developer/documenting)"
        r"|fr/(logs|rewrite/intro|sections|ssl/ssl_faq|urlmapping)"
        r"|de/(configuring|glossary|install|stopping|vhosts/name-based)"
        r"|es/(custom-error|howto/cgi|glossary|install)"
        r"|tr/(logs|misc/security_tips|sections)|da/index"
        r"|pt-br/(howto/htaccess|new_features_2_2)|ru/(getting-started|index))\.html",
        purpose="pages in ten languages, Korean as EUC-KR stated in a meta element only; FAQs",
        content_type="text/html",
    ),
    PageSet(
        package=APACHE_DOC,
        root=_APACHE,
        url="https://httpd.apache.org/docs/2.4/{path}",
        pattern=r"en/(howto/(access|cgi)|install|logs|misc/security_tips|ssl/ssl_faq"
        r"|rewrite/(avoid|intro)|urlmapping|mod/mod_imagemap)\.html",
        purpose="English originals of translated pages",
        content_type="text/html",
    ),
    PageSet(
        package=APACHE_DOC_OLD,
        root=_APACHE,
        url="https://httpd.apache.org/docs/current/{path}",
        pattern=r"en/(howto/(access|cgi)|install|logs|misc/security_tips"
        r"|rewrite/intro|mod/mod_imagemap)\.html",
        purpose="near-duplicates: the same pages three patch releases earlier",
        content_type="text/html",
    ),
    PageSet(
        package=MECAB,
        root="usr/share/doc/mecab/",
        url="https://taku910.github.io/mecab/{path}",
        pattern=r"(dic|dic-detail|feature|format|learn|libmecab|partial|posid|soft|unk)\.html",
        purpose="Japanese prose on morphological analysis",
    ),
    PageSet(
        package=W3M,
        root="usr/share/doc/w3m/",
        url="https://w3m.sourceforge.net/{path}",
        pattern=r"(FAQ|STORY|de/FAQ)\.html",
        purpose="a FAQ and its German translation; old HTML",
    ),
    PageSet(
        package=W3M,
        root="usr/share/doc/w3m/",
        url="https://w3m.sourceforge.net/{path}",
        pattern=r"ja/(FAQ|MANUAL|STORY)\.html",
        purpose="Japanese served as EUC-JP, stated in the HTTP header only",
        content_type="text/html; charset=EUC-JP",
        encoding="euc_jp",
    ),
)

_FORMULA = re.compile(rb'<(?:span|div) class="math')


def select_pages(files: PackageFiles, sets: tuple[PageSet, ...]) -> Iterator[Page]:
    """The pages of ``sets``, in order of set and path. Raises PackageError for an empty set."""
    for chosen in sets:
        members = files.read(chosen.package, re.escape(chosen.root) + f"(?:{chosen.pattern})")
        for path, member in members.items():
            body = member.data
            if len(body) > chosen.max_bytes or len(_FORMULA.findall(body)) < chosen.min_formulas:
                continue
            if chosen.encoding:
                body = body.decode("utf-8").encode(chosen.encoding, "xmlcharrefreplace")
            relative = path.removeprefix(chosen.root)
            url = chosen.url.format(path=relative, stem=relative.removesuffix(".html"))
            yield Page(
                url=url,
                body=body,
                modified_seconds=member.modified_seconds,
                content_type=chosen.content_type,
                package=chosen.package,
                purpose=chosen.purpose,
            )
