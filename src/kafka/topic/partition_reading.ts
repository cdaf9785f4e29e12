/**
 * How far this instance has read one partition, who leads it, and in which epochs of its leaders the
 * records were written. The epochs tell where a log was cut back (KIP-101, KIP-320): each election of
 * a leader begins a new one.
 */

/** As many epochs are remembered: a cut goes back by few. */
const MAX_EPOCHS = 100;

/** An epoch of the leader, and where it ends in the leader's log. */
export interface EpochBound {
  readonly epoch: number;
  readonly endOffset: number;
}

/** One partition of one topic. If the topic is made again, its partitions are others. */
export class PartitionReading {
  readonly partition: number;
  /** The offset to read next. */
  position: number;
  /** The node that leads the partition; -1 if there is none. */
  leader = -1;
  /** The epoch of that leader; -1 if it is not known. */
  leaderEpoch = -1;
  /** The leader's epoch in which the position was last known to be in the log; -1 if in none. */
  validEpoch = -1;
  /** Before that time it is not asked for, on the clock of `performance.now()`. */
  retryAt = 0;
  /** About how many bytes to ask for, if more than usual: a batch is as large. */
  batchBytes = 0;
  /** Answers in a row whose records went on behind the end that they told. */
  beyondEnd = 0;
  /** The position at which records of a lower epoch than before were found last; -1 if at none. */
  loweredAt = -1;
  /** Consecutive answers that its position is out of range, though it is not. */
  outOfRange = 0;
  /** For each epoch: the first offset that was read in it. Epochs and offsets ascend. */
  readonly #epochs: { readonly epoch: number; readonly start: number }[] = [];

  constructor(partition: number, position: number) {
    this.partition = partition;
    this.position = position;
  }

  /** The epoch of what was read last; -1 if it is not known. */
  get lastEpoch(): number {
    return this.#epochs.at(-1)?.epoch ?? -1;
  }

  /** Whether the position is known to be in the leader's log, as far as epochs can tell. */
  get isValid(): boolean {
    return this.leaderEpoch === this.validEpoch || this.lastEpoch < 0;
  }

  /** Takes a leader, and its epoch, from metadata. */
  follow(leader: number, leaderEpoch: number): void {
    if (leader === this.leader && leaderEpoch === this.leaderEpoch) return;
    this.leader = leader;
    this.leaderEpoch = leaderEpoch;
    this.retryAt = 0;
  }

  /** Notes the epoch of records that follow the position; -1 if they have none. */
  noteEpoch(epoch: number): void {
    // A later epoch than the leader's own can't be: no checksum covers it.
    if (this.leaderEpoch >= 0 && epoch > this.leaderEpoch) this.#epochs.length = 0;
    else if (epoch > this.lastEpoch) this.#add(epoch);
  }

  /**
   * Where the log was cut back, if the leader's log has no greater epoch than this one up to what was
   * read, and that ends there.
   *
   * @returns `undefined` if all that was read is still in the log
   */
  cutAt({ epoch, endOffset }: EpochBound): number | undefined {
    const later = this.#epochs.find((read) => read.epoch > epoch);
    const cut = Math.max(0, Math.min(endOffset, later?.start ?? this.position));
    return cut < this.position ? cut : undefined;
  }

  /** Goes back to a position from which on the log was cut off. */
  goBack(position: number): void {
    this.position = position;
    const end = this.#epochs.findIndex(({ start }) => start >= position);
    if (end >= 0) this.#epochs.splice(end);
  }

  /**
   * Goes on to a position without having read what is before it.
   *
   * @param epoch The epoch of the record before the position; -1 if it is not known
   */
  skip(position: number, epoch: number): void {
    if (epoch < 0) this.#epochs.length = 0;
    else this.noteEpoch(epoch);
    this.position = position;
  }

  #add(epoch: number): void {
    this.#epochs.push({ epoch, start: this.position });
    if (this.#epochs.length > MAX_EPOCHS) this.#epochs.shift();
  }
}
