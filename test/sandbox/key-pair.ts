import ssh2 from 'ssh2';

/** An ed25519 pair. Of those that ssh2 makes it cannot read some itself: another one then. */
export function keyPair(): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}
