import Kernels
import XCTest

public let scalarTypes: [any Scalar.Type] = [Float.self, Double.self]

/// Lengths around the vector widths, and none.
public let tailCounts = [0, 1, 7, 8, 9, 15, 16, 17, 31, 33]

/// The latest buffers: the pointer of `Buffer(x).pointer` as an argument outlives its last mention.
nonisolated(unsafe) private var kept: [AnyObject] = []

/// Elements of T, written and read as doubles, between margins that no kernel may touch.
public final class Buffer<T: Scalar> {
  private static var margin: Int { 8 }
  private static var sentinel: T { -12345 }
  private let storage: Storage
  public let count: Int

  public init(_ values: [Double]) {
    count = values.count
    storage = try! Storage(byteCount: (values.count + 2 * Self.margin) * MemoryLayout<T>.stride)
    for i in 0..<Self.margin {
      elements[-1 - i] = Self.sentinel
      elements[count + i] = Self.sentinel
    }
    write(values, elements)
    if kept.count == 64 { kept.removeFirst(32) }
    kept.append(self)
  }

  public convenience init(count: Int, filledWith value: Double = .nan) {
    self.init([Double](repeating: value, count: count))
  }

  /// Other values, at most as many as there is room for.
  public func fill(_ values: [Double]) {
    precondition(values.count <= count)
    write(values, elements)
  }

  public var pointer: UnsafeMutableRawPointer { storage.pointer + Self.margin * MemoryLayout<T>.stride }
  public var elements: UnsafeMutablePointer<T> { pointer.assumingMemoryBound(to: T.self) }

  public var values: [Double] {
    for i in 0..<Self.margin {
      XCTAssertEqual(elements[-1 - i], Self.sentinel, "written before the buffer")
      XCTAssertEqual(elements[count + i], Self.sentinel, "written past the buffer")
    }
    return read(elements, count)
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
private func write<T: Scalar>(_ values: [Double], _ to: UnsafeMutablePointer<T>) {
  for (i, value) in values.enumerated() { to[i] = T(value) }
}

@specialized(where T == Float)
@specialized(where T == Double)
private func read<T: Scalar>(_ from: UnsafePointer<T>, _ count: Int) -> [Double] {
  (0..<count).map { Double(from[$0]) }
}
