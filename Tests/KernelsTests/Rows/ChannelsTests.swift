import TestSupport
import XCTest

@testable import Kernels

/// Sums and combinations per channel against loops, for channels around the vector widths.
final class ChannelsTests: XCTestCase {
  private let shapes = [(0, 3), (1, 1), (5, 7), (300, 16), (700, 33), (2, 0)]

  /// An array whose sign, or that of a line through it, opens and shuts; and where it is open.
  private func gate(_ numbers: inout Numbers, _ rows: Int, _ channels: Int, line: Bool) -> (
    make: (UnsafeRawPointer) -> ChannelGate, array: [Double], open: [Bool]
  ) {
    let array = numbers.array(rows * channels)
    let (factors, constant) = (numbers.array(channels), numbers.array(channels))
    let open = array.indices.map { i in
      line ? array[i] * factors[i % channels] + constant[i % channels] > 0 : array[i] > 0
    }
    return ({ ChannelGate($0, line ? (factors, constant) : nil) }, array, open)
  }

  private func checkSums<T: Scalar>(_: T.Type, _ rows: Int, _ channels: Int, masked: Bool, second: Bool) {
    var numbers = Numbers(seed: UInt64(rows + channels))
    let (u, v) = (numbers.array(rows * channels), numbers.array(rows * channels))
    let shift = numbers.array(channels)
    let gate = self.gate(&numbers, rows, channels, line: second)
    var sum = [Double](repeating: 0, count: channels)
    var product = sum
    for i in u.indices where !masked || gate.open[i] {
      sum[i % channels] += u[i]
      if second { product[i % channels] += u[i] * (v[i] - shift[i % channels]) }
    }
    let got = sameBitsForAnyThreads {
      let result = channelSums(
        T.self, rows, channels, Buffer<T>(u).pointer,
        gate: masked ? gate.make(Buffer<T>(gate.array).pointer) : nil,
        second ? Buffer<T>(v).pointer : nil, shift: second ? shift : [])
      return result.sum + result.product
    }
    expectClose(T.self, got, sum + product, units: 300)
  }

  func testSums() {
    for (rows, channels) in shapes {
      for (masked, second) in [(false, false), (true, false), (false, true), (true, true)] {
        for type in scalarTypes { checkSums(type, rows, channels, masked: masked, second: second) }
      }
    }
  }

  private func checkMoments<T: Scalar>(_: T.Type, _ rows: Int, _ channels: Int) {
    var numbers = Numbers(seed: 3)
    // A mean that is large beside the spread: a one-pass formula would lose the variance.
    let x = numbers.array(rows * channels).map { Double(Float(100 + $0)) }
    let (mean, variance) = channelMoments(T.self, rows, channels, Buffer<T>(x).pointer)
    for c in 0..<channels {
      let column = stride(from: c, to: x.count, by: channels).map { x[$0] }
      let m = column.reduce(0, +) / Double(rows)
      let wanted = column.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(rows)
      XCTAssertEqual(mean[c], m, accuracy: 300 * Double(T.ulpOfOne) * 100)
      XCTAssertEqual(variance[c], wanted, accuracy: 1e4 * Double(T.ulpOfOne))
    }
  }

  func testMoments() {
    for (rows, channels) in [(1, 1), (5, 7), (300, 16), (700, 33)] {
      for type in scalarTypes { checkMoments(type, rows, channels) }
    }
  }

  private func checkCombination<T: Scalar>(
    _: T.Type, _ rows: Int, _ channels: Int, _ count: Int, maskResult: Bool, rectify: Bool, accumulate: Bool
  ) {
    var numbers = Numbers(seed: UInt64(7 * count + rows))
    let inputs = (0..<count).map { _ in numbers.array(rows * channels) }
    let factors = (0..<count).map { _ in numbers.array(channels) }
    let constant = numbers.array(channels)
    let gate = self.gate(&numbers, rows, channels, line: count % 2 == 0)
    let before = numbers.array(rows * channels)
    let wanted = before.indices.map { i in
      let c = i % channels
      var total = constant[c]
      // Every other term is masked.
      for k in 0..<count where k % 2 == 0 || gate.open[i] { total += inputs[k][i] * factors[k][c] }
      if maskResult && !gate.open[i] { total = 0 }
      if rectify { total = max(total, 0) }
      return accumulate ? before[i] + total : total
    }
    let got = sameBitsForAnyThreads {
      let out = accumulate ? Buffer<T>(before) : Buffer<T>(count: before.count)
      let terms = (0..<count).map { k in
        ChannelTerm(Buffer<T>(inputs[k]).pointer, factors[k], masked: k % 2 == 1)
      }
      channelCombine(
        T.self, rows, channels, terms, constant: constant, gate: gate.make(Buffer<T>(gate.array).pointer),
        maskResult: maskResult, rectify: rectify, out.pointer, accumulate)
      return out.values
    }
    expectClose(T.self, got, wanted)
  }

  func testCombinations() {
    for (rows, channels) in shapes {
      for count in 0...4 {
        for (maskResult, rectify, accumulate) in [
          (false, false, true), (true, false, false), (false, true, true),
        ] {
          for type in scalarTypes {
            checkCombination(
              type, rows, channels, count, maskResult: maskResult, rectify: rectify, accumulate: accumulate)
          }
        }
      }
    }
  }

  func testNaNPassesTheRectifier() {
    let out = Buffer<Float>(count: 17)
    channelCombine(
      Float.self, 1, 17, [], constant: [Double](repeating: .nan, count: 17), gate: nil, maskResult: false,
      rectify: true, out.pointer, false)
    XCTAssertTrue(out.values.allSatisfy { $0.isNaN })
  }
}
