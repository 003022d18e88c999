"""The packages the corpus is made of: versions, digests and licences.

Every licence here was read in the package's own copyright or licence file, for the files that are
used (documentation and code, not the packaging scripts); that file is copied to `licenses/`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Package:
    """One pinned package; ``license`` is the SPDX expression of the files taken from it."""

    name: str
    version: str
    kind: Literal["debian", "pypi"]
    sha256: str
    license: str
    license_member: str  # path of the licence text inside the package

    @property
    def label(self) -> str:
        """Name, version and registry, as listings state them."""
        return f"{self.name} {self.version} ({'Debian' if self.kind == 'debian' else 'PyPI'})"


def _debian(name: str, version: str, spdx: str, sha256: str) -> Package:
    return Package(
        name=name,
        version=version,
        kind="debian",
        sha256=sha256,
        license=spdx,
        license_member=f"usr/share/doc/{name}/copyright",
    )


def _pypi(name: str, version: str, spdx: str, license_member: str, sha256: str) -> Package:
    return Package(
        name=name,
        version=version,
        kind="pypi",
        sha256=sha256,
        license=spdx,
        license_member=f"{name}-{version}/{license_member}",
    )


APACHE_DOC_OLD = _debian(
    "apache2-doc",
    "2.4.68-1~deb12u1",
    "Apache-2.0",
    "cee8fe80ffb5de2744cd690c3d795b489e43a1c44c4e3a634c521642f22d7835",
)
APACHE_DOC = _debian(
    "apache2-doc",
    "2.4.71-1~deb12u1",
    "Apache-2.0",
    "a7b3d1131c1c63dbf9999b28e75f9a133d30f70492b419936bd51759ac77a01f",
)
ASTROPY_DOC = _debian(
    "python-astropy-doc",
    "5.2.1-2+deb12u1",
    "BSD-3-Clause",
    "d7cfa77ec5239a4ebcdf27c7cdc3d9e604228e99257f91d4260abbb970469b91",
)
BASE_FILES = _debian(  # for the text of the Apache licence, which Debian's files refer to
    "base-files",
    "12.4+deb12u15",
    "Apache-2.0",
    "3eb1ea6d85488f488cc2a163b98ad640ef88cee4c79287cf14e361aaf6206f47",
)
BIOPYTHON_DOC = _debian(
    "python-biopython-doc",
    "1.80+dfsg-4",
    "LicenseRef-Biopython",
    "350b871fa68e73e7dee78d6affec8a27bcbb31cd690843a82aefe187dab1712f",
)
D3_ARRAY = _debian(
    "node-d3-array",
    "3.2.0+~cs5.0.6-2",
    "ISC",
    "31c3aa8bad13bf106e7ee39951b4c57469991dc7cc5a252a65d2e9ebe9e1432e",
)
DJANGO_DOC = _debian(
    "python-django-doc",
    "3:3.2.25-0+deb12u7",
    "BSD-3-Clause",
    "87307f067916df72e17180d35b7cde5c7ea6080336cda518efd7f6e66988a7ca",
)
DOCUTILS_DOC = _debian(
    "docutils-doc",
    "0.19+dfsg-6",
    "LicenseRef-Public-Domain",
    "c25ac5cd1404d68f04ae501bca28b9961416c94889fd9515a749f2fc643c9b93",
)
ELEMENTS = _debian(
    "dict-elements",
    "20001107-a-9.1",
    "LicenseRef-Public-Domain",
    "c840ae31017fca01e2d56e178b8d18ade279d24f41d7a285c6150a233f730ffa",
)
GO_DOC = _debian(
    "golang-1.19-doc",
    "1.19.8-2",
    "BSD-3-Clause",
    "eb1b1214aa50688486c7e041714be5cd0f986bdfd78dfc690d6ba3ade5e11952",
)
GO_STATS = _debian(
    "golang-github-montanaflynn-stats-dev",
    "0.6.4-2",
    "MIT",
    "768bb6fb1d2fa81a730095441c93e45c290b16dc1782e09ac32b8df8755f75eb",
)
JARGON = _debian(
    "dict-jargon",
    "4.4.7-3.1",
    "LicenseRef-Public-Domain",
    "405f8168d7994ed2cb71407bb95493daec2e9aa66fc0461dafa74a9d6728a8c1",
)
MATHJAX_DOC = _debian(
    "libjs-mathjax-doc",
    "2.7+20171212-2",
    "Apache-2.0",
    "7a09896e74ec0981750647375a85c5def90f1c2d31d59e3b2106f8e8a47a506f",
)
MECAB = _debian(  # offered under BSD-3-Clause, GPL-2+ or LGPL-2.1+; taken under the first
    "mecab",
    "0.996-14+b14",
    "BSD-3-Clause",
    "95ed192b6153b92a23b486ebcaf90314f872d55863bb2d4c3c4eb3ea2e137f4f",
)
MPMATH_DOC = _debian(
    "python-mpmath-doc",
    "1.2.1-2",
    "BSD-3-Clause",
    "3895ea83b1edc71fae2a4be29522b9dd28daf6aad5293a2249d46742ffbbfeed",
)
NUM_INTEGER = _debian(
    "librust-num-integer-dev",
    "0.1.44-1",
    "MIT OR Apache-2.0",
    "545e2d663678542e6c1f4e43181f015ebf865c8d2c3252a309010f40d6c53026",
)
POSTGRESQL_DOC = _debian(
    "postgresql-doc-15",
    "15.20-0+deb12u1",
    "PostgreSQL",
    "4c44bf2c599f208b3f46454a6cf7a72e25ec46ff74d37b59dd31ad76b00eebb7",
)
PYTHON_DOC_OLD = _debian(
    "python3.11-doc",
    "3.11.2-6+deb12u8",
    "PSF-2.0",
    "50eb63e7f636c4281e9ce1b8f10386f1def42159eddce34fc1f41c46261df71b",
)
PYTHON_DOC = _debian(
    "python3.11-doc",
    "3.11.2-6+deb12u9",
    "PSF-2.0",
    "5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
)
PYWT_DOC = _debian(
    "python-pywt-doc",
    "1.1.1-3",
    "MIT",
    "73974ecc06b9dc39ff4c3b6cd0354f1daf4710867935a83574691b368d56135f",
)
SCIPY_DOC = _debian(
    "python-scipy-doc",
    "1.10.1-2",
    "BSD-3-Clause",
    "a237fdcef1675622f1a5d8a291c64feba140615130ee625554f94772d4ea3ad7",
)
SQLITE_DOC = _debian(
    "sqlite3-doc",
    "3.40.1-2+deb12u2",
    "LicenseRef-Public-Domain",
    "466e30d7066e2641fa13e56bc662a2ad521b8cc9c17dde9c9dac3d4f105e32f2",
)
STATSMODELS_DOC = _debian(
    "python-statsmodels-doc",
    "0.13.5+dfsg-7",
    "BSD-3-Clause",
    "4167a3e13347343b9f0a6677fc804ecad80dd735d17bc051829610f6f1bc2afb",
)
SYMPY_DOC = _debian(
    "python-sympy-doc",
    "1.11.1-1",
    "BSD-3-Clause",
    "2a1d50bd49738f0280308fc8d86d5fa5739dbc6391e1c754f4549bc3635e6a31",
)
TEXLIVE_BASE_DOC = _debian(
    "texlive-latex-base-doc",
    "2022.20230122-3",
    "LPPL-1.3c",
    "122dbbe00bd22f872b1837eb86bd76fbac6ec84dd4f5f0c76cc9c18484485848",
)
TEXLIVE_PUBLISHERS_DOC = _debian(
    "texlive-publishers-doc",
    "2022.20230122-4",
    "LPPL-1.3c",
    "9b632913d4b0d0871bef41c414fc7ce1167e3bacb55b140901df0c95df1c5765",
)
W3M = _debian(
    "w3m",
    "0.5.3+git20230121-2",
    "w3m",
    "ca17595d7857c200e4557c9dc58f560aa1fe8955b6156ae15b2d5d0f5e23d3a7",
)

CONTROL = _pypi(
    "control",
    "0.9.4",
    "BSD-3-Clause",
    "LICENSE",
    "0fa57d2216b7ac4e9339c09eab6827660318a641779335864feee940bd19c9ce",
)
DOCUTILS = _pypi(
    "docutils",
    "0.22.2",
    "LicenseRef-Public-Domain",
    "COPYING.rst",
    "9fdb771707c8784c8f2728b67cb2c691305933d68137ef95a75db5f4dfbc213d",
)
KIWISOLVER = _pypi(
    "kiwisolver",
    "1.4.7",
    "BSD-3-Clause",
    "LICENSE",
    "9893ff81bd7107f7b685d3017cc6583daadb4fc26e4a888350df530e41980a60",
)
MPMATH = _pypi(
    "mpmath",
    "1.3.0",
    "BSD-3-Clause",
    "LICENSE",
    "7a28eb2a9774d00c7bc92411c19a89209d5da7c4c9a9e227be8330a23a25b91f",
)
NETWORKX = _pypi(
    "networkx",
    "3.3",
    "BSD-3-Clause",
    "LICENSE.txt",
    "0c127d8b2f4865f59ae9cb8aafcd60b5c70f3241ebd66f7defad7c4ab90126c9",
)
PYMORPHY = _pypi(
    "pymorphy2",
    "0.9.1",
    "MIT",
    "PKG-INFO",  # the package ships no separate licence text
    "86c447157dee2eb2341efbe4538e1281a754756ba1aa32da77a89614c58b560c",
)
PYPINYIN = _pypi(
    "pypinyin",
    "0.53.0",
    "MIT",
    "LICENSE.txt",
    "a2d39ddc2bd31b55897bbb10d2e11a0c4d399988a97c00ad489c151afd9b106d",
)
SIMPLEJSON = _pypi(
    "simplejson",
    "3.19.3",
    "MIT OR AFL-2.1",
    "LICENSE.txt",
    "8e086896c36210ab6050f2f9f095a5f1e03c83fa0e7f296d6cba425411364680",
)
SYMPY = _pypi(
    "sympy",
    "1.13.3",
    "BSD-3-Clause",
    "LICENSE",
    "b27fd2c6530e0ab39e275fc9b683895367e51d5da91baa8d3d64db2565fec4d9",
)
TOOLZ = _pypi(
    "toolz",
    "1.0.0",
    "BSD-3-Clause",
    "LICENSE.txt",
    "2c86e3d9a04798ac556793bced838816296a2f085017664e4995cb40a1047a02",
)
WHEEL = _pypi(
    "wheel",
    "0.43.0",
    "MIT AND (Apache-2.0 OR BSD-2-Clause)",  # the second for the vendored `packaging`
    "LICENSE.txt",
    "465ef92c69fa5c5da2d1cf8ac40559a8c940886afcef87dcf14b9470862f1d85",
)
