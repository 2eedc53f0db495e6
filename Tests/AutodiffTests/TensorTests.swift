import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class TensorTests: XCTestCase {
  func testSizesFollowTheShape() {
    let shapes: [([Int], Int)] = [([], 1), ([3], 3), ([2, 0, 4], 0), ([2, 3, 4], 24)]
    for (shape, count) in shapes {
      for dtype in DType.allCases {
        let tensor = try! Tensor(zeros: shape, dtype: dtype)
        XCTAssertEqual(tensor.count, count)
        XCTAssertEqual(tensor.rank, shape.count)
        XCTAssertEqual(tensor.byteCount, count * dtype.byteCount)
        XCTAssertTrue(tensor.isLeaf)
        XCTAssertFalse(tensor.requiresGrad)
        let bytes = (0..<tensor.byteCount).map { tensor.pointer.load(fromByteOffset: $0, as: UInt8.self) }
        XCTAssertTrue(bytes.allSatisfy { $0 == 0 })
      }
    }
  }

  func testShapesAreWrittenAsInPython() {
    XCTAssertEqual([[], [5], [2, 3], [1, 0, 7]].map(describe), ["()", "(5,)", "(2, 3)", "(1, 0, 7)"])
  }

  func testStridesAreRowMajor() {
    XCTAssertEqual(contiguousStrides([]), [])
    XCTAssertEqual(contiguousStrides([4]), [1])
    XCTAssertEqual(contiguousStrides([2, 3, 5]), [15, 5, 1])
    let shape = [2, 3, 5]
    let strides = contiguousStrides(shape)
    var flat = 0
    for i in 0..<2 {
      for j in 0..<3 {
        for k in 0..<5 {
          XCTAssertEqual(zip([i, j, k], strides).reduce(0) { $0 + $1.0 * $1.1 }, flat)
          flat += 1
        }
      }
    }
  }

  /// NumPy's rule: aligned at the end, 1 stretches.
  func testBroadcasting() throws {
    let cases: [([Int], [Int], [Int])] = [
      ([], [], []), ([3], [], [3]), ([2, 1], [3], [2, 3]), ([4, 1, 5], [7, 1], [4, 7, 5]), ([0], [1], [0]),
      ([1], [0], [0]), ([2, 3], [2, 3], [2, 3]),
    ]
    for (a, b, wanted) in cases {
      XCTAssertEqual(try broadcastShape("f", a, b), wanted)
      XCTAssertEqual(try broadcastShape("f", b, a), wanted)
    }
    for (a, b) in [([2], [3]), ([2, 3], [2]), ([0], [2]), ([4, 2], [3, 1, 3])] {
      XCTAssertThrowsError(try broadcastShape("add", a, b)) { error in
        XCTAssertEqual((error as? Failure)?.kind, .shape)
        for part in ["add", describe(a), describe(b)] { XCTAssertTrue("\(error)".contains(part), "\(error)") }
      }
    }
  }

  func testBroadcastStridesReadTheRightElements() throws {
    let (shape, target) = ([3, 1, 2], [4, 3, 5, 2])
    let strides = broadcastStrides(shape, to: target)
    XCTAssertEqual(strides, [0, 2, 0, 1])
    XCTAssertEqual(broadcastStrides([], to: [2, 3]), [0, 0])
    XCTAssertEqual(broadcastStrides([1, 1], to: [2, 3]), [0, 0])
    let x = Tensor([3], [1, 2, 3])
    let y = try apply("broadcast", [x], ["shape": .numbers([2, 3])])
    XCTAssertEqual(y.values, [1, 2, 3, 1, 2, 3])
  }

  func testAssignCopiesAndNamesWhatDiffers() throws {
    let a = Tensor([2], [1, 2])
    let b = Tensor([2], [3, 4])
    try a.assign(b)
    b.pointer.storeBytes(of: 9, as: Double.self)
    XCTAssertEqual(a.values, [3, 4])
    try a.assign(a)
    XCTAssertEqual(a.values, [3, 4])
    XCTAssertThrowsError(try a.assign(Tensor([1, 2], [0, 0]))) { error in
      XCTAssertEqual((error as? Failure)?.kind, .shape)
      XCTAssertTrue("\(error)".contains("expected shape (2,), got (1, 2)"), "\(error)")
    }
    XCTAssertThrowsError(try a.assign(try! Tensor(zeros: [2], dtype: .float32))) { error in
      XCTAssertEqual((error as? Failure)?.kind, .type)
      XCTAssertTrue("\(error)".contains("expected dtype float64, got float32"), "\(error)")
    }
    XCTAssertEqual(a.values, [3, 4])
  }

  func testDetachedSharesMemoryAndNoGraph() throws {
    let x = Tensor([2], [1, 2], requiresGrad: true)
    let y = try apply("square", [x])
    XCTAssertFalse(y.isLeaf)
    let z = y.detached()
    XCTAssertTrue(z.isLeaf)
    XCTAssertFalse(z.requiresGrad)
    z.pointer.storeBytes(of: 7, as: Double.self)
    XCTAssertEqual(y.values, [7, 4])
  }

  func testScalarValuesOfEveryType() {
    for dtype in DType.allCases {
      let one = try! Tensor(zeros: [], dtype: dtype)
      var value = 1.0
      castElements(.float64, &value, dtype, one.pointer, 1)
      XCTAssertEqual(one.scalarValue, 1, dtype.name)
    }
  }

  /// The first contribution overwrites, later ones add.
  func testSweepBuffers() throws {
    var buffer = SweepBuffer()
    let first = try buffer.receive(64)
    XCTAssertFalse(first.accumulate)
    XCTAssertTrue(buffer.ready)
    let second = try buffer.receive(64)
    XCTAssertTrue(second.accumulate)
    XCTAssertEqual(first.pointer, second.pointer)
    buffer.clear()
    XCTAssertFalse(buffer.ready)
    XCTAssertNil(buffer.storage)
  }
}
