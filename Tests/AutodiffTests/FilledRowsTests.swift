import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Autodiff

final class FilledRowsTests: XCTestCase {
  private let rows = 40
  private let width = 3

  private func index(_ count: Int, _ values: [Int64]) -> Tensor {
    let tensor = try! Tensor(shape: [count], dtype: .int64)
    for (i, value) in values.enumerated() {
      tensor.pointer.storeBytes(of: value, toByteOffset: 8 * i, as: Int64.self)
    }
    return tensor
  }

  /// Two reads of one table, and, where `dense`, one of all of it.
  private func loss(_ table: Tensor, _ first: Tensor, _ second: Tensor, dense: Bool) throws -> Tensor {
    let a = try apply("square", [apply("gather", [table, first])])
    let b = try apply("exp", [apply("gather", [table, second])])
    let sum = try apply("add", [apply("sum", [a]), apply("sum", [b])])
    return dense ? try apply("add", [sum, apply("mean", [apply("square", [table])])]) : sum
  }

  /// Batch after batch, the gradient that a program leaves is that of the operations, to the bit.
  func testTheRowsOfTheBatchBeforeAreClearedAlone() throws {
    var numbers = Numbers(seed: 2)
    for dtype in [DType.float32, .float64] {
      for dense in [false, true] {
        let table = Tensor([rows, width], numbers.array(rows * width), dtype, requiresGrad: true)
        let inputs = (index(4, [0, 0, 0, 0]), index(4, [0, 0, 0, 0]))
        try Recorder.begin([inputs.0, inputs.1])
        let program = try Recorder.end([loss(table, inputs.0, inputs.1, dense: dense)])
        let data = [index(8, [3, 5, 3, 39, 0, 7, 5, 5]), index(8, [5, 5, 5, 2, 38, 1, 0, 6])]
        for batch in [[0, 1, 2, 3], [4, 5, 6, 7], [4, 4, 4, 4], [7, 1, 0, 5]] as [[Int64]] {
          program.load(data, rows: batch)
          _ = try program.forward()
          try! program.backward()
          let replayed = table.grad!.values
          table.grad = nil
          try Derivatives.backward(
            loss(
              table, index(4, batch.map { value(data[0], $0) }), index(4, batch.map { value(data[1], $0) }),
              dense: dense), seed: nil)
          XCTAssertEqual(replayed, table.grad!.values)
          table.grad = nil
        }
      }
    }
  }

  private func value(_ tensor: Tensor, _ i: Int64) -> Int64 {
    tensor.pointer.load(fromByteOffset: 8 * Int(i), as: Int64.self)
  }

  private func program(_ table: Tensor, _ input: Tensor) throws -> Program {
    try Recorder.begin([input])
    return try Recorder.end([apply("sum", [apply("gather", [table, input])])])
  }

  /// What somebody writes into the gradient between two runs is gone after the next, wherever it is.
  func testWhatOthersWroteIsCleared() throws {
    let table = Tensor([rows, width], [Double](repeating: 1, count: rows * width), requiresGrad: true)
    let input = index(1, [2])
    let program = try program(table, input)
    var wanted = [Double](repeating: 0, count: rows * width)
    for i in 0..<width { wanted[2 * width + i] = 1 }
    for way in 0..<3 {
      _ = try program.forward()
      try! program.backward()
      XCTAssertEqual(table.grad!.values, wanted)
      let gradient = table.grad!
      switch way {
      case 0: try gradient.assign(Tensor([rows, width], [Double](repeating: 9, count: rows * width)))
      case 1:
        gradient.storage.share()
        gradient.pointer.storeBytes(of: 7.0, toByteOffset: 8 * 30, as: Double.self)
        gradient.storage.leave()
      default: break
      }
    }
  }

  /// Whether rows are finite is known of those that the batch has read, and of the table by that.
  func testItIsKnownWhetherTheGradientIsFinite() throws {
    let table = Tensor(
      [rows, width], [Double](repeating: 1, count: rows * width), .float32, requiresGrad: true)
    let (x, input) = (Tensor([1], [2], .float32), index(1, [2]))
    try Recorder.begin([x, input])
    let read = try apply("gather", [table, input])
    let program = try Recorder.end([apply("sum", [apply("mul", [read, x])])])
    for (factor, finite) in [(2.0, true), (.infinity, false), (.nan, false), (1, true)] {
      program.load([Tensor([1], [factor], .float32), index(1, [5])], rows: [0])
      _ = try program.forward()
      try! program.backward()
      XCTAssertEqual(table.gradientIsFinite, finite, "\(factor)")
    }
  }
}
