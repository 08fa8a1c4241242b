/** Which log it is, and where everything of it lies. */

export interface LogIdentity {
  /** `gateway/node` */
  readonly name: string
  readonly epoch: number
}

export interface KeyStoreOptions {
  readonly directory: string
  /** 32 octets. */
  readonly masterKeyFile: string
}

export interface LogPlace {
  /** `gateway/node` */
  readonly name: string
  /** The database; `.lock` beside it. */
  readonly file: string
  /** Directory of large bodies, on the file system of the spool. */
  readonly bodies: string
  /** Directory of archive files, on any file system. */
  readonly archive: string
  readonly keys: KeyStoreOptions
  /** On another disk where possible. */
  readonly highWaterFile: string
  /** Directories that have to stay as they are besides, while the log is open. */
  readonly watched?: readonly string[]
}

/** Locked by who renews the log's evidence; its time is that of the latest write of theirs. */
export function renewalLock(file: string): string {
  return `${file}.renewal.lock`
}

/** `gateway/node/epoch` */
export function logId({ name, epoch }: LogIdentity): string {
  return `${name}/${epoch}`
}
