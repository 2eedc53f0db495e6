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
}
