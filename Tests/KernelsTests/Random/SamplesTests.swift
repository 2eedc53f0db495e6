import Foundation
import XCTest

@testable import Kernels

final class SamplesTests: XCTestCase {
  private func drawn<T: Scalar>(
    _: T.Type, _ count: Int, stream: UInt64 = 3,
    _ draw: (T.Type, Philox, UnsafeMutableRawPointer, Int) -> Void
  ) -> [T] {
    var values = [T](repeating: .nan, count: count + 1)
    values.withUnsafeMutableBytes { draw(T.self, Philox(seed: 5, stream: stream), $0.baseAddress!, count) }
    XCTAssertTrue(values.removeLast().isNaN, "written past the end")
    return values
  }

  /// Means of x, x^2 and x^4, within five standard errors of what they are.
  private func expectMoments(_ values: [Double], _ moments: [(power: Double, mean: Double, variance: Double)])
  {
    for (power, mean, variance) in moments {
      let found = values.map { Foundation.pow($0, power) }.reduce(0, +) / Double(values.count)
      XCTAssertEqual(found, mean, accuracy: 5 * (variance / Double(values.count)).squareRoot(), "\(power)")
    }
  }

  func testUniformNumbers() {
    let values = drawn(Float.self, 200_001, drawUniform)
    XCTAssertTrue(values.allSatisfy { $0 >= 0 && $0 < 1 })
    expectMoments(values.map(Double.init), [(1, 1.0 / 2, 1.0 / 12), (2, 1.0 / 3, 4.0 / 45)])
    expectMoments(drawn(Double.self, 200_001, drawUniform), [(1, 1.0 / 2, 1.0 / 12), (2, 1.0 / 3, 4.0 / 45)])
  }

  func testNormalNumbers() {
    let moments = [(1.0, 0.0, 1.0), (2, 1, 2), (3, 0, 15), (4, 3, 96)]
    expectMoments(drawn(Double.self, 200_001, drawNormal), moments)
    let values = drawn(Float.self, 200_001, drawNormal).map(Double.init)
    expectMoments(values, moments)
    let neighbors = zip(values, values.dropFirst()).map { $0 * $1 }
    expectMoments(neighbors, [(1, 0, 1)])
  }

  func testAPrefixIsTheSameAndAStreamIsItsOwn() {
    for count in [0, 1, 2, 3, 5, 64] {
      XCTAssertEqual(
        drawn(Float.self, count, drawUniform), Array(drawn(Float.self, 70, drawUniform).prefix(count)))
      XCTAssertEqual(
        drawn(Double.self, count, drawNormal), Array(drawn(Double.self, 70, drawNormal).prefix(count)))
    }
    XCTAssertNotEqual(drawn(Double.self, 8, drawNormal), drawn(Double.self, 8, stream: 4, drawNormal))
  }
}
