import Autodiff
import Kernels
import Vocabulary

/// What a run has made so far, as bytes that another episode of the same arguments goes on from, to the same bits: 64-bit
/// numbers and vectors one after the other. Of the snapshots only the first one of the horizon is there, as the others
/// are made again on the way.
struct EpisodeBytes {
  private(set) var bytes: [UInt8] = []
  private var place = 0

  init() {}

  init(_ source: UnsafeRawBufferPointer) { bytes = Array(source) }

  mutating func put(_ number: Int) { put(UInt64(bitPattern: Int64(number))) }

  mutating func put(_ number: Double) { put(number.bitPattern) }

  mutating func put(_ word: UInt64) {
    withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func put(_ vector: UnsafeMutableRawPointer, _ count: Int) {
    bytes.append(contentsOf: UnsafeRawBufferPointer(start: vector, count: count))
  }

  private mutating func next(_ count: Int) throws -> Int {
    guard count >= 0, count <= bytes.count - place else {
      throw Failure.value("the bytes of another run: they end at \(bytes.count)")
    }
    defer { place += count }
    return place
  }

  mutating func word() throws -> UInt64 {
    let first = try next(8)
    return (0..<8).reduce(0) { $0 | UInt64(bytes[first + $1]) << UInt64(8 * $1) }
  }

  mutating func integer() throws -> Int { Int(truncatingIfNeeded: Int64(bitPattern: try word())) }

  mutating func integer(_ name: String, _ allowed: ClosedRange<Int>) throws -> Int {
    let found = try integer()
    guard allowed.contains(found) else {
      throw Failure.value(
        "the bytes of another run: \(name) \(found); allowed: \(allowed.lowerBound) to \(allowed.upperBound)")
    }
    return found
  }

  mutating func number() throws -> Double { Double(bitPattern: try word()) }

  mutating func take(_ vector: UnsafeMutableRawPointer, _ count: Int) throws {
    let first = try next(count)
    bytes.withUnsafeBytes { source in
      guard let base = source.baseAddress, count > 0 else { return }
      vector.copyMemory(from: base + first, byteCount: count)
    }
  }

  /// An error where there is more than was read.
  func finish() throws {
    guard place == bytes.count else {
      throw Failure.value("the bytes of another run: \(bytes.count), of which \(place) belong to this one")
    }
  }
}

extension Episode {
  private static let version = 1

  /// Between two calls of train, replay and retreat, not between validate and collect.
  public func saved() throws -> [UInt8] {
    guard validation.weight == 0 else {
      throw Failure.value("validation batches have been evaluated: a run is saved before, or after collect")
    }
    var out = EpisodeBytes()
    for number in facts + [step] { out.put(number) }
    out.put(Context.stream)
    for number in hypergradients + scales { out.put(number) }
    for (parameter, state) in zip(parameters, state) {
      for storage in [parameter.storage] + state { out.put(storage.pointer, storage.byteCount) }
    }
    tangents?.put(&out)
    trajectory?.put(&out)
    return out.bytes
  }

  /// Goes on from there. After an error the run is of no further use.
  public func load(_ bytes: UnsafeRawBufferPointer) throws { try read(EpisodeBytes(bytes)) }

  /// What must be the same.
  private var facts: [Int] {
    [
      Self.version, steps, mode == .forward ? 1 : mode == .reverse ? 2 : 0, columns.count,
      isTracked.count { $0 }, parameters.count, parameters.reduce(0) { $0 + $1.byteCount }, state[0].count,
    ]
  }

  private func read(_ source: EpisodeBytes) throws {
    var source = source
    let names = [
      "version", "steps", "mode", "values", "values to differentiate by", "parameters", "bytes of parameters",
      "vectors of state",
    ]
    for (name, fact) in zip(names, facts) { _ = try source.integer(name, fact...fact) }
    step = try source.integer("step", 0...steps)
    let stream = try source.word()
    for i in hypergradients.indices { hypergradients[i] = try source.number() }
    for i in scales.indices { scales[i] = try source.number() }
    for (parameter, state) in zip(parameters, state) {
      for storage in [parameter.storage] + state { try source.take(storage.pointer, storage.byteCount) }
    }
    try tangents?.take(&source)
    try trajectory?.take(&source, self, stream)
    try source.finish()
    Context.stream = stream
    for parameter in parameters { parameter.storage.version &+= 1 }
  }
}
