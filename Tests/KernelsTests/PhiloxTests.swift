import Foundation
import XCTest

@testable import Kernels

final class PhiloxTests: XCTestCase {
  /// Published with the generator: kat_vectors of Random123, philox4x32 with 10 rounds.
  func testKnownAnswers() {
    let answers: [(counter: UInt64, stream: UInt64, seed: UInt64, words: SIMD4<UInt32>)] = [
      (0, 0, 0, SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
      (.max, .max, .max, SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
      (
        0x85a3_08d3_243f_6a88, 0x0370_7344_1319_8a2e, 0x299f_31d0_a409_3822,
        SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
      ),
    ]
    for answer in answers {
      XCTAssertEqual(Philox(seed: answer.seed, stream: answer.stream).words(answer.counter), answer.words)
    }
  }

  private func mask<T: Scalar>(_: T.Type, _ p: Double, _ n: Int, stream: UInt64 = 3) -> [Double] {
    let out = Buffer<T>(count: n)
    dropoutMask(T.self, Philox(seed: 42, stream: stream), p, out.pointer, n)
    return out.values
  }

  /// The share of zeros lies within four standard deviations of p, and the rest is 1 / (1 - p).
  func testDropoutStatistics() {
    let n = 20_000
    for p in [0.05, 0.3, 0.5, 0.9] {
      for type in scalarTypes {
        let values = mask(type, p, n)
        let zeros = values.filter { $0 == 0 }.count
        let deviation = (Double(n) * p * (1 - p)).squareRoot()
        XCTAssertEqual(Double(zeros), Double(n) * p, accuracy: 4 * deviation, "p \(p)")
        for value in values where value != 0 { XCTAssertEqual(value, 1 / (1 - p), accuracy: 1e-6 / (1 - p)) }
      }
    }
    XCTAssertEqual(mask(Float.self, 0, 100), [Double](repeating: 1, count: 100))
  }

  /// Neighbors, and the same places in the next stream, are independent.
  func testDropoutIsUncorrelated() {
    let n = 20_000
    let here = mask(Float.self, 0.5, n).map { $0 == 0 ? -1.0 : 1 }
    let next = mask(Float.self, 0.5, n, stream: 4).map { $0 == 0 ? -1.0 : 1 }
    let four = 4 * Double(n).squareRoot()
    for lag in 1...5 { XCTAssertLessThan(abs(dot(Array(here.dropFirst(lag)), here)), four, "lag \(lag)") }
    XCTAssertLessThan(abs(dot(here, next)), four)
  }

  /// Masks are drawn many counters at a time; the words one by one.
  func testDropoutDrawsTheWordsInOrder() {
    let generator = Philox(seed: 42, stream: 3)
    for n in [0, 5, 31, 32, 33, 67, 1000] {
      for type in scalarTypes {
        let wanted = (0..<n).map { generator.words(UInt64($0 / 4))[$0 % 4] < 1 << 30 ? 0.0 : 1 }
        XCTAssertEqual(mask(type, 0.25, n).map { $0 == 0 ? 0 : 1 }, wanted)
      }
    }
  }

  /// An element's number does not depend on how many there are, on the type, or on the threads.
  func testDropoutIsCountedPerElement() {
    let long = mask(Float.self, 0.4, 64)
    for n in 0...20 { XCTAssertEqual(mask(Float.self, 0.4, n), Array(long.prefix(n))) }
    let zeros = mask(Double.self, 0.4, 64).map { $0 == 0 }
    XCTAssertEqual(zeros, long.map { $0 == 0 })
    sameBitsForAnyThreads { mask(Float.self, 0.4, 8 * blockLength + 3) }
  }
}
