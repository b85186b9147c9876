/* SPDX-License-Identifier: MIT */
/* test_keys.h - keys made for tests alone: of each kind a private one for each of two ends, and the public one that belongs to it. */
#ifndef KEYFERRY_TEST_KEYS_H
#define KEYFERRY_TEST_KEYS_H

struct test_key {
	const char *word, *private_pem[2], *public_pem[2];
};

/* clang-format off */
static const struct test_key test_keys[] = {
	{ "rsa",
		{
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDaQCbUg/Mw9pE1\n"
		  "uW1iNJP3U73Er7/SWhG+IdkRgicDuFN8zQ6zjPoj8qMbhJmB+t3B8cdmrgOvUfcB\n"
		  "DWZhDacw6vDBnXg8Bi7WK776K6RJaBGjEgkHfDo0QiDoEVc3JYIa/v3VhDhlIQ4o\n"
		  "ynQzLHYZ906HVCDXG771wm05LXmRTVerUFhvv0cZqIqTX7mwW7/cXiBhpaeObB57\n"
		  "YXloHxKOgdwzcTAya673pcDSly3c4FOprjWNhLtGaz1bBuxb7E3b/+ZPGj55YvVo\n"
		  "wu6Md4wjWxHt3Q4QM6OL2IwRaZSNzBMT2+yNgC2DxynUCbpZbyYUoFp1Ftl5AcBh\n"
		  "ASyibc27AgMBAAECggEASor+uDcZKPAOSLs8kP5ES4Vem38rlT0OMlJ9QW2ixbJ/\n"
		  "UXD4RHsyNHT7ILr5c1urwkJCSN/GgmsMYl+hSCTRpfOYp4iROG8kMCJg6DFfu3LA\n"
		  "E2JlkxjrCE5NzvWdREibV30gVX0Dhgb0Pxpm9dOJwvSk7bPeQ5pGbsopZA4UJ3wR\n"
		  "jZtFq9Y9MrT5UAnwCZRXtzDSuAx93y7Ci/ye5ZCrW5Hi6YcgcdUlJP8xzRwm9Pby\n"
		  "RN+LL9yT2LXMdvfJ8916LgKqso4LGGAMA/+ZNs58oXhaXJqefeeJmOZMrbuGJNGZ\n"
		  "+Ls1eofXZiFYBCezZbC08RDiioCnWvx1GzPwQ0m2AQKBgQD14w58dr21kFy7zu/e\n"
		  "EkIoOjkALKi+cpJ1vilpaP+cFwtDNwCtpY05R0GvXazBkS1QPNu2FJmAGfKesY4W\n"
		  "KE/xC3ae7wLWLM+o8DggZWvTQFJu5Gt9ygbXQbsoq9qh7Dyd18AycbGtLqUzArSk\n"
		  "dVeHjrJGAl42sUfJu6/fXt5siwKBgQDjOhys3Q5GOdrER5ogkFNm06MXUnU/tiXD\n"
		  "JkN3XBXv1KK3DG131aJcI0H0Z2XksF3XX3GDgT9c90tc0sdT9sYbLG6lXxOXb8O9\n"
		  "gtb1yaJIKrU9+I1ANgDLjXScE6tEPWCgfBhFS/aNtr+Jsa2/jPFvqHK0bqix1cXb\n"
		  "SwBKQOJZkQKBgQCtrKzEuNISdl8pwGaoglj8NPOh7elaa26Lf7+cVq+EvroTxbvS\n"
		  "6wYvGOeKSC4HotVQwUum9jHdy3YVJPBpMhwU87XbWJK2WHxspQ/fwgNA+UPAU9Kg\n"
		  "zJu8Ww8pEQmiKUw/aO62Mpv+6N2ChDy3lLI4a0/8JxwIoXtFQC5fJZERNQKBgCwK\n"
		  "MVCXr5KQ2AO+1PKGxoNhdXSpuKvWg88k9WKG6IGJNtg/gl/9efBdrQTPnYILZMS/\n"
		  "bOLOBBfiniqpd5SgeZj+rZtDqCprsQZj+4G7yMYv8NzH9aiCTvkku3scnM8nDjlM\n"
		  "k++qX2jsCIeJdmFv0cOQZFrwL6X4BtcP3EiH9tbhAoGBAL87ZildQZ4Fa4zt6Sao\n"
		  "deNMX7mLzjUs2cIoj8GK8KVxPhDJ6PpwCSaeKG1Mor4tSkGXgYUktaYuKLElJFsZ\n"
		  "hvLtyHaY0LAk0gUrcGvlis6GfGAAwYvnmYK+B/cBrXX73XOigQsa2paUVT40uo2m\n"
		  "zg9rAej5MDJgNa9g32X/u6my\n"
		  "-----END PRIVATE KEY-----\n",
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC5PE8JkSf+vXjQ\n"
		  "5sEAstRgSBaGwVNy2daPEsRnllfVBSSyyexk0/WRPY3b1uclXGJFjAauoKhStCa7\n"
		  "Zj8qg2UdSzGXZIF/K3al0bLxgTBuoaqo2ra9nmLS7/hW7kapZL09Iypk984YNpDu\n"
		  "cPCNTSj2Y4EJ95suKfljXFVMZKvw7fYkqKEh4YvJiz9dD2lWDDOIKLwb86tjAMUZ\n"
		  "FpxE77dO9zk74lVxU8Z+tR/mOLrsFAGpJoeqovLbKdQYNzL2U23uhKELSqcB3kBH\n"
		  "yuUEXK+2eOt0QshEFQFNTR/gmIVjbutyrR41pDXH9ujlbeTNGwfBURsEpIVD45+d\n"
		  "b4kSXQBJAgMBAAECggEACgyjDxZQcKoP2WmDdAm/qt+OVU48vEDkOovemu4Voslu\n"
		  "JcL9r7SuIGyR+yjMDoNWE4bWv/eYWjBK36Ta7XAGdtHjBV8fBWqyu6lGR4LmQUJF\n"
		  "E3cWLfBfVSlOtEymCb+c4qm7PZISHM8tCrqW2luiysc4M3W69gSx8nmKaSQXDfGL\n"
		  "VOnuL8YtRGCnEaeIzeCHKnD+nNcN/czNmcyLezVKsg7VqeKxrRvABYxZh5X0oqeB\n"
		  "3wi8NtA4hrF5oziIEsHILcVnfiuh+AGxkeGS+f33omUJbd0g6V1pGGmab7amDyxe\n"
		  "76dD2Bcm9KAcMgVLWMPCWKO1PXA3DinrQGK77KiBLwKBgQDqmrJDyIiMbiQPG/i1\n"
		  "TZSOaTnxqgttfTnHV8XIesnGqjNiOHcq4kyxeknwu5E+tJt6c9NSF53apjfoWvLf\n"
		  "zchmOHpKlviiQ/2gYriT7mwXYnvLs8NwcBGddXHvyYpXhUHds5FxbvVPyR3zeIUk\n"
		  "Txv8o2KFkvl7Rz5yrmmdTLQcSwKBgQDKIQB5PBbKG7lPQ77K+Mh/ylsc034fz8J/\n"
		  "kNk2l8y80EmaHtx915wv42EibVQOVcXkOxPUldUnQuCLda+DahMUtBciiUOAEdGt\n"
		  "yR/vaVI4LjY7zbSapUwdL9PIWYGdA7GQWtUBiCaGZN5Mt6WoCyWXj/pUIOLXIHe2\n"
		  "gYKtNfyROwKBgQC3RzljCQPcKaOUBjcrdLtM8lnpOP4KgF0mJaUHNR3zTT4tSo2W\n"
		  "fAqMUEv5fJ9AzJn2dQwvQvH4QgjFRmAdhcc8TH0FTqJZKiK3LMikEQxyzGaIQhy5\n"
		  "92Nbjsf/G4UvUJSfXcyPQK72sNjsP0hMkFz95qpuTd8HdyYLM8Sgta6ztwKBgHQW\n"
		  "Bhaaux/yUjhC2SXrQgOarT9d+9a7VKI9B3NCNXTPTyYzyUCA/xPFzDigf6EIA/Jz\n"
		  "N41lTBkTYLDXsyiPWEwQriTInrrEAR+FHlE6tNzNNZqdJreWbaNpn4E2XqlVwLn+\n"
		  "YM1Ta4TOE5oN8xcS59EnAIcmqAEThY2Mzgc6tUaXAoGAE1ynHDVv53I7L+qomquR\n"
		  "51t/tSs3EFYBg33xnlURLFY77xe8kuWEv0oH9tUNRX6iX+xF5AHmgN3uI2h75y0N\n"
		  "5mQLEqmMyIOWDhX4yCUCRLlV3jzATmuz1pkGm6FreTQ4GdmXYtsDEIKELw0a+wGI\n"
		  "zQchG3Orz96hC7LezsrBr68=\n"
		  "-----END PRIVATE KEY-----\n" },
		{
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2kAm1IPzMPaRNbltYjST\n"
		  "91O9xK+/0loRviHZEYInA7hTfM0Os4z6I/KjG4SZgfrdwfHHZq4Dr1H3AQ1mYQ2n\n"
		  "MOrwwZ14PAYu1iu++iukSWgRoxIJB3w6NEIg6BFXNyWCGv791YQ4ZSEOKMp0Myx2\n"
		  "GfdOh1Qg1xu+9cJtOS15kU1Xq1BYb79HGaiKk1+5sFu/3F4gYaWnjmwee2F5aB8S\n"
		  "joHcM3EwMmuu96XA0pct3OBTqa41jYS7Rms9WwbsW+xN2//mTxo+eWL1aMLujHeM\n"
		  "I1sR7d0OEDOji9iMEWmUjcwTE9vsjYAtg8cp1Am6WW8mFKBadRbZeQHAYQEsom3N\n"
		  "uwIDAQAB\n"
		  "-----END PUBLIC KEY-----\n",
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuTxPCZEn/r140ObBALLU\n"
		  "YEgWhsFTctnWjxLEZ5ZX1QUkssnsZNP1kT2N29bnJVxiRYwGrqCoUrQmu2Y/KoNl\n"
		  "HUsxl2SBfyt2pdGy8YEwbqGqqNq2vZ5i0u/4Vu5GqWS9PSMqZPfOGDaQ7nDwjU0o\n"
		  "9mOBCfebLin5Y1xVTGSr8O32JKihIeGLyYs/XQ9pVgwziCi8G/OrYwDFGRacRO+3\n"
		  "Tvc5O+JVcVPGfrUf5ji67BQBqSaHqqLy2ynUGDcy9lNt7oShC0qnAd5AR8rlBFyv\n"
		  "tnjrdELIRBUBTU0f4JiFY27rcq0eNaQ1x/bo5W3kzRsHwVEbBKSFQ+OfnW+JEl0A\n"
		  "SQIDAQAB\n"
		  "-----END PUBLIC KEY-----\n" } },
	{ "ecdsa256",
		{
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2g0lSjb9lMcfh25m\n"
		  "V8vv2AW9VoyYJCod0kVffqpnkQWhRANCAATNI5qGtJ9KC4ZyTMLPzHVtsKRtYTgb\n"
		  "Y/nnQx0oeLPcIx5Q8uS7fIAhWtIwG3b0L88bDgNW3dzaPZDROmvciLNc\n"
		  "-----END PRIVATE KEY-----\n",
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgsj7sqycXwt5ltzzg\n"
		  "sGldXaEZsxnHiyIzNyX1ruSjC5OhRANCAATf5sH5zSfPFqTVGKAvpVpkLcMEK5Mg\n"
		  "l53il1ICikSvOgPCySRtRfI8SUtvOWZbMnAnpbqJBSrWuDjN2DifgGcD\n"
		  "-----END PRIVATE KEY-----\n" },
		{
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzSOahrSfSguGckzCz8x1bbCkbWE4\n"
		  "G2P550MdKHiz3CMeUPLku3yAIVrSMBt29C/PGw4DVt3c2j2Q0Tpr3IizXA==\n"
		  "-----END PUBLIC KEY-----\n",
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3+bB+c0nzxak1RigL6VaZC3DBCuT\n"
		  "IJed4pdSAopErzoDwskkbUXyPElLbzlmWzJwJ6W6iQUq1rg4zdg4n4BnAw==\n"
		  "-----END PUBLIC KEY-----\n" } },
	{ "ecdsa384",
		{
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDDNrk9cRt9WIxoIxbFN\n"
		  "SmyGx2HglFC12ZYJQfFQd0ae+Hf7t92f0a+N8l6O/6ZeYYWhZANiAAQ31+9VedAj\n"
		  "bN5QY5+8ZI+drXPyofQDHE2iuF2DMfAeyWECymOctsvx9JExZakCTh5HPD9IgD+d\n"
		  "Q+OA993XNVHvGT4do5j6oVJPiLjLjRzj7AZAsFeCRZlv7CWsmwoDO4M=\n"
		  "-----END PRIVATE KEY-----\n",
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDCe6W/JPbkgdyswexI2\n"
		  "laGjbtxUM9tIG/kLg6CnGde4B7jGn3pYONvwzjM4lOiAiE+hZANiAATPWphmnGyD\n"
		  "wpCTae7mSLkogRcec7uyp/UKL6c6IQG7r9ZuutO0KLg2LCiZ/FZ8l6Q8VTyS6dfC\n"
		  "haKoEgKHT91PhcZ1S3sRK28NL5VI0drntDZvL+vXqro5OCWAFfscZKg=\n"
		  "-----END PRIVATE KEY-----\n" },
		{
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEN9fvVXnQI2zeUGOfvGSPna1z8qH0AxxN\n"
		  "orhdgzHwHslhAspjnLbL8fSRMWWpAk4eRzw/SIA/nUPjgPfd1zVR7xk+HaOY+qFS\n"
		  "T4i4y40c4+wGQLBXgkWZb+wlrJsKAzuD\n"
		  "-----END PUBLIC KEY-----\n",
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEz1qYZpxsg8KQk2nu5ki5KIEXHnO7sqf1\n"
		  "Ci+nOiEBu6/WbrrTtCi4NiwomfxWfJekPFU8kunXwoWiqBICh0/dT4XGdUt7EStv\n"
		  "DS+VSNHa57Q2by/r16q6OTglgBX7HGSo\n"
		  "-----END PUBLIC KEY-----\n" } },
	{ "ecdsa521",
		{
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIA6fM0wDkgCSvTRGu4\n"
		  "PIVUQ/JyhprERtC8NU4BhQkTEsGKY94ckRpBER3ZDFLoPgaZt0FoyhbbUh7eT/uJ\n"
		  "Y2T9pdOhgYkDgYYABADjyovpl7CHzRFn/BViHNME/usnyLlZLkb0tPIwEkQ8BaNk\n"
		  "ji4YjXQ1tIgdL0sRi0RVEotzebAyoNgL6qFPYjw1GQBFXnC0fNgTBV61DFZifQau\n"
		  "/BgVO5fRi9svr6nsIc1hlKt2GAmVy+aZnzXsHoIW45OVFG1lW7hZcOlrJunQAt6x\n"
		  "HQ==\n"
		  "-----END PRIVATE KEY-----\n",
		  "-----BEGIN PRIVATE KEY-----\n"
		  "MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBDO82SYZW+2RcVJOB\n"
		  "e0GPSEOg2fkoGDB0sQGLTBdK5gYs7+n8HrXwll0VRJKiR7bF5PkUQEyucpbbL1yj\n"
		  "edCM9bOhgYkDgYYABACO7wJaB3UCNmgDVgyVKpeFAQv0ME5j+tMaYaMeaqfz/k6e\n"
		  "1d826ZWX6K39LVKoaXTFHFLafkCnxXLKo5SqhrZyzgCtDMwKT/AtnxnsrVyTrNQS\n"
		  "OYoNpTVvYYAUuNLusoR2eu5EgoKYadQ2W8MuFKwP+J30qF4cI7C9RRSyPN5DGxoa\n"
		  "AQ==\n"
		  "-----END PRIVATE KEY-----\n" },
		{
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQA48qL6Zewh80RZ/wVYhzTBP7rJ8i5\n"
		  "WS5G9LTyMBJEPAWjZI4uGI10NbSIHS9LEYtEVRKLc3mwMqDYC+qhT2I8NRkARV5w\n"
		  "tHzYEwVetQxWYn0GrvwYFTuX0YvbL6+p7CHNYZSrdhgJlcvmmZ817B6CFuOTlRRt\n"
		  "ZVu4WXDpaybp0ALesR0=\n"
		  "-----END PUBLIC KEY-----\n",
		  "-----BEGIN PUBLIC KEY-----\n"
		  "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAju8CWgd1AjZoA1YMlSqXhQEL9DBO\n"
		  "Y/rTGmGjHmqn8/5OntXfNumVl+it/S1SqGl0xRxS2n5Ap8VyyqOUqoa2cs4ArQzM\n"
		  "Ck/wLZ8Z7K1ck6zUEjmKDaU1b2GAFLjS7rKEdnruRIKCmGnUNlvDLhSsD/id9Khe\n"
		  "HCOwvUUUsjzeQxsaGgE=\n"
		  "-----END PUBLIC KEY-----\n" } },
};
/* clang-format on */

#endif
