import Glibc
import XCTest

@testable import Kernels

/// A small generator of its own, so that every run tests the same numbers.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func word() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  /// Uniform in [-1, 1).
  mutating func next() -> Double { Double(word() >> 11) / Double(1 << 52) - 1 }

  mutating func integer(below limit: Int) -> Int { Int(word() >> 16) % limit }

  /// Values that Float holds exactly, so that one reference serves both precisions.
  mutating func array(_ count: Int) -> [Double] { (0..<count).map { _ in Double(Float(next())) } }
}

/// The latest buffers: the pointer of `Buffer(x).pointer` as an argument outlives its last mention.
nonisolated(unsafe) private var kept: [AnyObject] = []

/// Elements of T, written and read as doubles, between margins that no kernel may touch.
final class Buffer<T: Scalar> {
  private static var margin: Int { 8 }
  private static var sentinel: T { -12345 }
  private let storage: Storage
  let count: Int

  init(_ values: [Double]) {
    count = values.count
    storage = Storage(byteCount: (values.count + 2 * Self.margin) * MemoryLayout<T>.stride)
    let elements = storage.pointer.assumingMemoryBound(to: T.self)
    for i in 0..<Self.margin {
      elements[i] = Self.sentinel
      elements[Self.margin + count + i] = Self.sentinel
    }
    for (i, value) in values.enumerated() { elements[Self.margin + i] = T(value) }
    if kept.count == 64 { kept.removeFirst(32) }
    kept.append(self)
  }

  convenience init(count: Int, filledWith value: Double = .nan) {
    self.init([Double](repeating: value, count: count))
  }

  var pointer: UnsafeMutableRawPointer { storage.pointer + Self.margin * MemoryLayout<T>.stride }
  var elements: UnsafeMutablePointer<T> { pointer.assumingMemoryBound(to: T.self) }

  var values: [Double] {
    for i in 0..<Self.margin {
      XCTAssertEqual(elements[-1 - i], Self.sentinel, "written before the buffer")
      XCTAssertEqual(elements[count + i], Self.sentinel, "written past the buffer")
    }
    return (0..<count).map { Double(elements[$0]) }
  }
}

let scalarTypes: [any Scalar.Type] = [Float.self, Double.self]

/// Lengths around the vector widths, and none.
let tailCounts = [0, 1, 7, 8, 9, 15, 16, 17, 31, 33]

/// Largest difference within `units` rounding errors of the larger of 1 and the largest entry.
func expectClose<T: Scalar>(
  _: T.Type, _ got: [Double], _ wanted: [Double], units: Double = 8, _ label: @autoclosure () -> String = "",
  file: StaticString = #filePath, line: UInt = #line
) {
  guard got.count == wanted.count else {
    return XCTFail("\(got.count) values for \(wanted.count) \(label())", file: file, line: line)
  }
  let scale = max(1, wanted.lazy.map(abs).max() ?? 0)
  for (i, (g, w)) in zip(got, wanted).enumerated() {
    let equal = g == w || (g.isNaN && w.isNaN) || abs(g - w) <= units * Double(T.ulpOfOne) * scale
    if !equal {
      return XCTFail("\(T.self) \(label()): element \(i) is \(g), not \(w)", file: file, line: line)
    }
  }
}

/// The result of `body`, which must have the same bits for 1, 2, 3 and 7 threads.
@discardableResult
func sameBitsForAnyThreads(
  _ label: String = "", file: StaticString = #filePath, line: UInt = #line, _ body: () -> [Double]
) -> [Double] {
  let before = ThreadPool.shared.threads
  defer { ThreadPool.shared.threads = before }
  let results = [1, 2, 3, 7].map { threads in
    ThreadPool.shared.threads = threads
    return body()
  }
  for other in results.dropFirst() {
    XCTAssertTrue(
      zip(results[0], other).allSatisfy { $0.bitPattern == $1.bitPattern }, "\(label) depends on the threads",
      file: file, line: line)
  }
  return results[0]
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Whether `body` returns true in a forked child; a trap there is a failed test here, not the end of the run.
func holdsInChild(_ body: () -> Bool) -> Bool {
  typealias Fork = @convention(c) () -> Int32
  let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
  let child = fork()
  if child == 0 { _exit(body() ? 0 : 1) }
  var status: Int32 = -1
  waitpid(child, &status, 0)
  return status == 0
}
