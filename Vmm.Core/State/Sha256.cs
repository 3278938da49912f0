// SHA-256 (FIPS 180-4) of a short text. The runtime's own comes with OpenSSL: it is loaded when it is first used, into the
// process that has the guest and in the middle of an update, and where it is missing, or finds no memory, the process is
// aborted. A guest must not depend on that for the fingerprint of a layout.

using System.Buffers.Binary;
using System.Numerics;

namespace Vmm.Core.State;

/// <summary>The hash that fingerprints are taken with.</summary>
internal static class Sha256
{
    private const int BlockSize = 64;
    private const int LengthSize = sizeof(ulong);
    private const int Rounds = 64;

    /// <summary>The first 32 bits of the fractional parts of the first 64 primes' cube roots.</summary>
    private static readonly uint[] Constants =
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>The hash, 32 bytes.</summary>
    internal static byte[] Of(ReadOnlySpan<byte> message)
    {
        // A one bit, zeros up to the end of a block, and the length in bits in its last eight bytes.
        byte[] padded = new byte[(message.Length + LengthSize + BlockSize) / BlockSize * BlockSize];
        message.CopyTo(padded);
        padded[message.Length] = 0x80;
        BinaryPrimitives.WriteUInt64BigEndian(padded.AsSpan(^LengthSize..), (ulong)message.Length * 8);

        // The same of the first eight primes' square roots.
        uint[] hash = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
        for (int at = 0; at < padded.Length; at += BlockSize)
        {
            AddBlock(hash, padded.AsSpan(at, BlockSize));
        }

        byte[] bytes = new byte[hash.Length * sizeof(uint)];
        for (int i = 0; i < hash.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(i * sizeof(uint)), hash[i]);
        }

        return bytes;
    }

    private static void AddBlock(uint[] hash, ReadOnlySpan<byte> block)
    {
        Span<uint> w = stackalloc uint[Rounds];
        for (int i = 0; i < Rounds; i++)
        {
            w[i] = i < BlockSize / sizeof(uint)
                ? BinaryPrimitives.ReadUInt32BigEndian(block[(i * sizeof(uint))..])
                : SmallSigma(w[i - 2], 17, 19, 10) + w[i - 7] + SmallSigma(w[i - 15], 7, 18, 3) + w[i - 16];
        }

        var (a, b, c, d, e, f, g, h) = (hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]);
        for (int i = 0; i < Rounds; i++)
        {
            uint first = h + BigSigma(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + Constants[i] + w[i];
            uint second = BigSigma(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + first, c, b, a, first + second);
        }

        ReadOnlySpan<uint> mixed = [a, b, c, d, e, f, g, h];
        for (int i = 0; i < hash.Length; i++)
        {
            hash[i] += mixed[i];
        }
    }

    private static uint BigSigma(uint x, int first, int second, int third) =>
        BitOperations.RotateRight(x, first) ^ BitOperations.RotateRight(x, second) ^ BitOperations.RotateRight(x, third);

    private static uint SmallSigma(uint x, int first, int second, int shift) =>
        BitOperations.RotateRight(x, first) ^ BitOperations.RotateRight(x, second) ^ (x >> shift);
}
