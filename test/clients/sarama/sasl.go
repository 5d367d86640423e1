package main

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/IBM/sarama"

	"kafka-sluice/test/clients/program"
)

func useSasl(config *sarama.Config, sasl *program.Sasl) error {
	if sasl == nil {
		return nil
	}
	config.Net.SASL.Enable = true
	config.Net.SASL.Mechanism = sarama.SASLMechanism(sasl.Mechanism)
	config.Net.SASL.User = sasl.Username
	config.Net.SASL.Password = sasl.Password
	switch sasl.Mechanism {
	case sarama.SASLTypePlaintext:
	case sarama.SASLTypeSCRAMSHA256:
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scram{newHash: sha256.New} }
	case sarama.SASLTypeSCRAMSHA512:
		config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scram{newHash: sha512.New} }
	default:
		return fmt.Errorf("unknown mechanism %s", sasl.Mechanism)
	}
	return nil
}

// scram is the client's half of RFC 5802, which Sarama leaves to its user; it does not check the server's signature.
type scram struct {
	newHash          func() hash.Hash
	user, password   string
	nonce, firstBare string
	step             int
}

func (s *scram) Begin(user, password, _ string) error {
	bytes := make([]byte, 18)
	if _, err := rand.Read(bytes); err != nil {
		return err
	}
	s.user = strings.NewReplacer("=", "=3D", ",", "=2C").Replace(user)
	s.password = password
	s.nonce = base64.RawStdEncoding.EncodeToString(bytes)
	return nil
}

func (s *scram) Step(challenge string) (string, error) {
	s.step++
	switch s.step {
	case 1:
		s.firstBare = "n=" + s.user + ",r=" + s.nonce
		return "n,," + s.firstBare, nil
	case 2:
		return s.final(challenge)
	}
	return "", nil
}

func (s *scram) Done() bool { return s.step >= 3 }

func (s *scram) final(serverFirst string) (string, error) {
	fields := map[string]string{}
	for _, field := range strings.Split(serverFirst, ",") {
		if name, value, found := strings.Cut(field, "="); found {
			fields[name] = value
		}
	}
	iterations, err := strconv.Atoi(fields["i"])
	if err != nil || !strings.HasPrefix(fields["r"], s.nonce) {
		return "", errors.New("the server's SCRAM challenge makes no sense")
	}
	salt, err := base64.StdEncoding.DecodeString(fields["s"])
	if err != nil {
		return "", err
	}
	salted, err := pbkdf2.Key(s.newHash, s.password, salt, iterations, s.newHash().Size())
	if err != nil {
		return "", err
	}
	clientKey := s.mac(salted, "Client Key")
	stored := s.newHash()
	stored.Write(clientKey)
	withoutProof := "c=biws,r=" + fields["r"]
	proof := s.mac(stored.Sum(nil), s.firstBare+","+serverFirst+","+withoutProof)
	for i := range proof {
		proof[i] ^= clientKey[i]
	}
	return withoutProof + ",p=" + base64.StdEncoding.EncodeToString(proof), nil
}

func (s *scram) mac(key []byte, text string) []byte {
	mac := hmac.New(s.newHash, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
