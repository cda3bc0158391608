#!/usr/bin/env perl
# verify.pl JWKS_URL ALGORITHM TOKEN: prints the subject of a token that Crypt::JWT accepts; dies of any other.
use strict;
use warnings;
use Crypt::JWT qw(decode_jwt);
use HTTP::Tiny;

my ($url, $algorithm, $token) = @ARGV;
my $answer = HTTP::Tiny->new->get($url);
die "no key set\n" unless $answer->{success};
my $claims = decode_jwt(
    token        => $token,
    kid_keys     => $answer->{content},
    accepted_alg => $algorithm,
    verify_iss   => 'doorward',
    verify_exp   => 1,
    verify_iat   => 1,
    verify_nbf   => 1,
);
print "$claims->{sub}\n";
